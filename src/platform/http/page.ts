import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DormouseError } from '../errors.js';

/** Where the build puts the page: dist/page. */
const PAGE = fileURLToPath(new URL('../../page', import.meta.url));
/** What the build leaves beside a page that it has finished (scripts/build.mjs). */
const BUILT = '.built';

/**
 * The page gets everything from the service itself and sends nothing elsewhere; nothing may frame it. Its library of
 * controls sets styles in elements, so those are taken as they come; scripts are not.
 */
const HEADERS = {
  'content-security-policy': [
    "default-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "style-src 'self' 'unsafe-inline'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

/** Asked for again each time: it names the assets of the present build. */
const REVALIDATED = 'no-cache';
/** An asset's name holds a hash of its content. */
const FOR_EVER = 'public, max-age=31536000, immutable';

/**
 * Serves the page at `/` and its files below `/assets/`, as they were compressed when they were built. Which part of it is
 * shown is behind a `#`, which no server sees. Without a built page (sources run as they are) `/` is 404 and says so.
 *
 * @param directory a page as scripts/page.mjs builds it
 */
export async function servePage(app: NestFastifyApplication, directory: string = PAGE): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  if (!existsSync(join(directory, BUILT))) {
    fastify.get('/', () => {
      throw new DormouseError('page_not_built', 404, 'The page was not built. `npm run build` builds it.');
    });
    return;
  }
  const assets = join(directory, 'assets');
  await fastify.register(fastifyStatic, {
    root: assets,
    prefix: '/assets/',
    index: false,
    dotfiles: 'ignore',
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply, file) => {
      void reply.headers({ ...HEADERS, 'cache-control': file.startsWith(assets) ? FOR_EVER : REVALIDATED });
    },
  });
  fastify.get('/', (_request, reply) => reply.sendFile('index.html', directory));
}

/** True for what {@link servePage} answers. @param url a request's */
export function isOfPage(url: string): boolean {
  return /^\/(assets\/[^?]*)?(\?|$)/.test(url);
}
