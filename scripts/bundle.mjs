import { readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { build } from 'esbuild';

/** What is started, or loaded as a file of its own: bundled where the compiler has put it. */
const PROGRAMS = [
  'main.js',
  'cli/main.js',
  'workers/gateways/telemetry-parser.worker.js',
  // Loaded when EC2 is first asked; the tests and benchmarks that run single modules take the bundle as well.
  'workers/gateways/ec2-sdk.js',
];

/** Left in node_modules: loaded by few, or with files of their own to find. */
const EXTERNAL = [
  '@eventstore/db-client',
  '@grpc/grpc-js',
  'google-protobuf',
  'mongodb',
  'pino-pretty',
  'swagger-ui-dist',
];

/** What Nest would use if it were installed; it asks, and does without. */
const NOT_INSTALLED = [
  '@fastify/multipart',
  '@fastify/view',
  '@nestjs/microservices',
  '@nestjs/platform-express',
  '@nestjs/websockets',
];

/** What several programs share, and what is loaded lazily, is in dist/chunks/. */
const CHUNKS = 'chunks';

/**
 * Replaces the programs in dist/ by bundles. Not src/ is bundled but what the TypeScript compiler made of it, because Nest
 * needs the decorators' types, which only that compiler writes.
 *
 * @param {string} root the project's directory, with a dist/ that was just compiled
 */
export async function bundlePrograms(root) {
  const dist = join(root, 'dist');
  await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS.map((file) => join(dist, file)),
    outbase: dist,
    outdir: dist,
    allowOverwrite: true,
    bundle: true,
    // What is imported lazily stays lazy.
    splitting: true,
    chunkNames: `${CHUNKS}/[name]-[hash]`,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    mainFields: ['module', 'main'],
    external: [...EXTERNAL, ...NOT_INSTALLED].flatMap((name) => [name, `${name}/*`]),
    // Node keeps the text of every module in memory: 11 MB less of it. Names stay: Nest goes by those of classes, people by those in stacks.
    minifyWhitespace: true,
    minifySyntax: true,
    // `node --enable-source-maps` shows stacks with the lines of src/.
    sourcemap: true,
    sourcesContent: false,
    // One letter beyond ASCII, in somebody's name, would double the memory of a whole file's text: 3 MB.
    legalComments: 'external',
    banner: {
      js: "import { createRequire as createRequireHere } from 'node:module';const require = createRequireHere(import.meta.url);",
    },
    plugins: [constantKeys, lazyHttp, ownPlaces(root, dist)],
    metafile: true,
    logLevel: 'warning',
  });
}

/**
 * The SDK describes the data of all 700 operations in one file, with keys like `[_iT]` that stand for constants. As long as
 * they are computed, no bundler dares to leave an unused description out, nor what it refers to; written as what they are,
 * all but those of our three calls fall away: 20 MB of idle memory.
 */
const constantKeys = {
  name: 'constant-keys',
  setup({ onLoad }) {
    onLoad({ filter: /client-ec2[/\\]dist-es[/\\]schemas[/\\]schemas_0\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const constants = new Map(
        [...text.matchAll(/^const (\w+) = (".*");$/gm)].map(([, name, value]) => [name, value]),
      );
      const contents = text.replace(/\[(_\w+)\]:/g, (key, name) =>
        constants.has(name) ? `${constants.get(name)}:` : key,
      );
      return { contents };
    });
  },
};

/**
 * An ES module's import of `node:http` reads all that it exports, and thereby loads the `WebSocket` and with it the whole
 * fetch inside of Node, which nobody uses here. Taken as it is, as CommonJS would, it stays away: 3 MB of idle memory.
 */
const lazyHttp = {
  name: 'lazy-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === 'require-call' ? undefined : { path: 'node:http', namespace: 'lazy' },
    );
    onLoad({ filter: /^node:http$/, namespace: 'lazy' }, () => ({
      contents: "module.exports = process.getBuiltinModule('node:http');",
    }));
  },
};

/**
 * A module of ours that looks for files beside itself still finds them from dist/chunks/, or from wherever else it is put, as
 * long as that is a directory in dist/.
 */
function ownPlaces(root, dist) {
  const moved = new Set();
  return {
    name: 'own-places',
    setup({ onLoad, onEnd }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        if (!path.startsWith(dist + sep)) return undefined;
        const text = await readFile(path, 'utf8');
        if (!text.includes('import.meta.url')) return undefined;
        moved.add(path);
        const place = JSON.stringify(relative(join(dist, CHUNKS), path).replaceAll(sep, '/'));
        return { contents: text.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`) };
      });
      onEnd(({ metafile }) => ({
        errors: Object.entries(metafile?.outputs ?? {})
          .filter(([output]) => dirname(dirname(join(root, output))) !== dist)
          .flatMap(([output, { inputs }]) => Object.keys(inputs).map((input) => ({ output, input })))
          .filter(({ input }) => moved.has(join(root, input)))
          .map(({ output, input }) => ({ text: `${input} is in ${output}: there it would not find its files.` })),
      }));
    },
  };
}
