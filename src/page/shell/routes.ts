import type { WorkerRef } from '../api/workers.js';

/** Where one can be on the page. All of it is in the address's hash, so that it can be bookmarked and sent to others. */
export type Route =
  | { readonly view: 'workers'; readonly query: URLSearchParams }
  | ({ readonly view: 'worker' } & WorkerRef)
  | { readonly view: 'coaching'; readonly query: URLSearchParams }
  | { readonly view: 'jobs' }
  | { readonly view: 'unknown' };

/** The addresses of views, for links. */
export const paths = {
  workers: '#/workers',
  worker: ({ aws_region, worker_id }: WorkerRef) =>
    `#/workers/${encodeURIComponent(aws_region)}/${encodeURIComponent(worker_id)}`,
  coaching: '#/coaching',
  jobs: '#/jobs',
} as const;

/** @param hash of the address: `#/workers?status=running` */
export function routeOf(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const query = new URLSearchParams(search);
  const [view, region, id, ...more] = path.split('/').map(decoded);
  if (more.length > 0) return { view: 'unknown' };
  if (view === 'workers' && region && id) return { view: 'worker', aws_region: region, worker_id: id };
  if (region !== undefined) return { view: 'unknown' };
  if (view === '' || view === 'workers') return { view: 'workers', query };
  if (view === 'coaching') return { view: 'coaching', query };
  return view === 'jobs' ? { view: 'jobs' } : { view: 'unknown' };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Not an address that the page has made; it leads to no view.
    return part;
  }
}
