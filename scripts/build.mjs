#!/usr/bin/env node
/**
 * Builds dist/: TypeScript by the Nest CLI, module for module, then the programs among them once more as bundles, which
 * start in a third of the time and take 27 MB less memory (docs/decisions/0023-bundled-program.md). Beside the bundles the
 * single modules stay, for the simulated lab, the benchmarks and the tests.
 *
 * `--if-stale` builds only when a source is newer than the last build. Standard output stays empty either way: it belongs
 * to the program that is started next.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

const sources = ['src', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', 'package.json', 'scripts'];
const stale = builtAt() < Math.max(...sources.map((name) => newest(join(root, name))));

if (stale || !process.argv.includes('--if-stale')) {
  process.stderr.write('building dist/ ...\n');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run('@nestjs/cli/bin/nest.js', 'build');
  const { bundlePrograms } = await import('./bundle.mjs');
  await bundlePrograms(root);
  writeFileSync(stamp, '');
}
