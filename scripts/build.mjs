#!/usr/bin/env node
/**
 * Builds dist/: TypeScript by the Nest CLI, then the AWS SDK bundled down to the few EC2 calls that are used. Loading the
 * whole SDK client costs 70 MB of memory, the bundle 10 (docs/decisions/0008-bundled-ec2-client.md).
 *
 * `--if-stale` builds only when a source is newer than the last build. Standard output stays empty either way: it belongs
 * to the program that is started next.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist', '.built');

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function builtAt() {
  return statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function run(program, ...args) {
  execFileSync(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
}

/**
 * The SDK describes the data of all 700 operations in one file, with keys like `[_iT]` that stand for constants. As long as
 * they are computed, no bundler dares to leave an unused description out; written as what they are, 1 MB of them falls away.
 */
const constantKeys = {
  name: 'constant-keys',
  setup(bundling) {
    bundling.onLoad({ filter: /client-ec2\/dist-es\/schemas\/schemas_0\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const constants = new Map(
        [...text.matchAll(/^const (\w+) = (".*");$/gm)].map(([, name, value]) => [name, value]),
      );
      const contents = text.replace(/\[(_\w+)\]:/g, (key, name) =>
        constants.has(name) ? `${constants.get(name)}:` : key,
      );
      return { contents, loader: 'js' };
    });
  },
};

const sources = ['src', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', 'package.json', 'scripts/build.mjs'];
const stale = builtAt() < Math.max(...sources.map((name) => newest(join(root, name))));

if (stale || !process.argv.includes('--if-stale')) {
  process.stderr.write('building dist/ ...\n');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run('@nestjs/cli/bin/nest.js', 'build');
  const { build } = await import('esbuild');
  const sdk = join(root, 'dist/workers/gateways/ec2-sdk.js');
  await build({
    entryPoints: [sdk],
    outfile: sdk,
    allowOverwrite: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    mainFields: ['module', 'main'],
    logLevel: 'error',
    plugins: [constantKeys],
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  });
  writeFileSync(stamp, '');
}
