import { defineConfig } from 'vite';

/** What the page asks the service for; the page's own files have a dot in their names. */
const SERVICE = '^/(about|admin|coaching|events|health|jobs|region|subscriptions|workers)(/[^.?]*)?([?]|$)';

/**
 * The page. `node scripts/build.mjs` builds it into dist/page, which the service serves at `/`. While working on it,
 * `npx vite src/page` shows changes at once, against a service that runs (DORMOUSE_URL, default http://127.0.0.1:3000).
 */
export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  // Also behind a proxy that puts the service below a path of its own.
  base: './',
  build: {
    outDir: '../../dist/page',
    emptyOutDir: true,
    // Nothing inline: the page's Content-Security-Policy takes scripts from the service's files only.
    assetsInlineLimit: 0,
    // Two thirds of it are React and Mantine, which every view needs; compressed it is under 200 KB.
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // Mantine marks its modules for React's server components, which there are none of here.
      onwarn: (warning, warn) => {
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
    license: { fileName: 'assets/licenses.md' },
  },
  server: {
    proxy: {
      [SERVICE]: {
        target: process.env.DORMOUSE_URL ?? 'http://127.0.0.1:3000',
        changeOrigin: true,
        // To the service this is another site, which it would refuse.
        configure: (proxy) => proxy.on('proxyReq', (request) => request.removeHeader('origin')),
      },
    },
  },
});
