#!/usr/bin/env node
/**
 * Builds dist/: TypeScript by the Nest CLI, module for module, then the programs among them once more as bundles, which
 * start in a third of the time and take 27 MB less memory (docs/decisions/0023-bundled-program.md). Beside the bundles the
 * single modules stay, for the simulated lab, the benchmarks and the tests. The page is built by Vite, into dist/page.
 *
 * `--if-stale` builds only what has a source that is newer than its last build. Standard output stays empty either way: it
 * belongs to the program that is started next.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const PAGE = join(root, 'src/page');
/** So long a build waits for another one. */
const WAIT_MS = 240_000;
const COMMON = ['package.json', 'scripts'];

const service = {
  sources: ['src', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', ...COMMON].map((name) => join(root, name)),
  without: PAGE,
  stamp: join(root, 'dist/.built'),
};
// The service serves the page only beside this stamp: src/page/ is no page.
const page = {
  sources: [PAGE, ...COMMON.map((name) => join(root, name))],
  without: undefined,
  stamp: join(root, 'dist/page/.built'),
};

function isStale({ sources, without, stamp }) {
  const builtAt = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return sources.some((path) => newest(path, without) > builtAt);
}

function newest(path, without) {
  if (path === without) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name), without)));
}

function run(program, ...args) {
  execFileSync(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
}

/** Does the work when no other build of this directory is at work. A lock of SQLite's ends with its process. */
async function alone(work) {
  const lock = new DatabaseSync(join(root, 'node_modules/.build-lock.sqlite'), { timeout: WAIT_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    await work();
  } finally {
    lock.close();
  }
}

/** A source that changes from here on is newer than what is built now. */
function stampOf({ stamp }) {
  const startedAt = new Date();
  return () => {
    writeFileSync(stamp, '');
    utimesSync(stamp, startedAt, startedAt);
  };
}

async function buildService() {
  process.stderr.write('building dist/ ...\n');
  const stamp = stampOf(service);
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run('@nestjs/cli/bin/nest.js', 'build');
  const { bundlePrograms } = await import('./bundle.mjs');
  await bundlePrograms(root);
  stamp();
}

async function buildPage() {
  process.stderr.write('building dist/page/ ...\n');
  const stamp = stampOf(page);
  await (await import('./page.mjs')).buildPage(root);
  stamp();
}

const always = !process.argv.includes('--if-stale');
const isDue = (part) => always || isStale(part);

if (isDue(service) || isDue(page)) {
  await alone(async () => {
    // Asked again: the build that was waited for may have done it. The page is built into dist/, so last.
    if (isDue(service)) await buildService();
    if (isDue(page)) await buildPage();
  });
}
