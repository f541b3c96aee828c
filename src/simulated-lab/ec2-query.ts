import { Ec2Error } from './ec2-error.js';

/** `Filter.N`: any of the values, which may hold wildcards. */
export interface Filter {
  readonly name: string;
  readonly values: readonly string[];
}

/** Smallest and largest `MaxResults` that EC2 accepts. */
const PAGE_SIZES = { smallest: 5, largest: 1000 } as const;

/** Values of `Name.1`, `Name.2`, ... in order. */
export function listParameter(params: URLSearchParams, name: string): string[] {
  const values: string[] = [];
  for (let n = 1; params.has(`${name}.${n}`); n++) values.push(params.get(`${name}.${n}`) ?? '');
  return values;
}

export function filtersOf(params: URLSearchParams): Filter[] {
  const filters: Filter[] = [];
  for (let n = 1; params.has(`Filter.${n}.Name`); n++) {
    filters.push({
      name: params.get(`Filter.${n}.Name`) ?? '',
      values: listParameter(params, `Filter.${n}.Value`),
    });
  }
  return filters;
}

export function unknownFilter(name: string): Ec2Error {
  return new Ec2Error('InvalidParameterValue', `The filter '${name}' is invalid`);
}

/** EC2's filter values: `*` is any text, `?` any one character, a backslash takes the next one as it is. */
export function matchesPattern(value: string, pattern: string): boolean {
  const source = (pattern.match(/\\.|[*?]|[^*?]/gsu) ?? []).map((token) => {
    if (token === '*') return '.*';
    if (token === '?') return '.';
    return escapeRegExp(token.length > 1 && token.startsWith('\\') ? token.slice(1) : token);
  });
  return new RegExp(`^${source.join('')}$`, 'su').test(value);
}

/**
 * The page that `MaxResults` and `NextToken` ask for.
 * @param maxPageSize the server's own limit, which holds when none is asked for
 * @throws {Ec2Error} InvalidParameterValue
 */
export function pageOf<T>(
  items: readonly T[],
  params: URLSearchParams,
  maxPageSize: number,
): { items: T[]; next: { nextToken?: string } } {
  const offset = offsetOf(params.get('NextToken'));
  const end = offset + Math.min(askedPageSize(params.get('MaxResults')) ?? maxPageSize, maxPageSize);
  const next = end < items.length ? { nextToken: Buffer.from(`offset:${end}`).toString('base64url') } : {};
  return { items: items.slice(offset, end), next };
}

function askedPageSize(asked: string | null): number | undefined {
  if (asked === null) return undefined;
  const size = Number(asked);
  if (Number.isInteger(size) && size >= PAGE_SIZES.smallest && size <= PAGE_SIZES.largest) return size;
  const range = `Expecting a value between ${PAGE_SIZES.smallest} and ${PAGE_SIZES.largest}.`;
  throw new Ec2Error('InvalidParameterValue', `Value ( ${asked} ) for parameter maxResults is invalid. ${range}`);
}

function offsetOf(token: string | null): number {
  if (token === null) return 0;
  const offset = /^offset:(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  if (offset === undefined) throw new Ec2Error('InvalidParameterValue', 'The token in nextToken is invalid.');
  return Number(offset);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
