import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made = new Set();

/** Where the benchmarks write: BENCH_DIR names another disk. */
export const scratchRoot = process.env.BENCH_DIR ?? tmpdir();

/** An empty directory of this run, removed when it ends. @param {string} name */
export function scratchDirectory(name) {
  mkdirSync(scratchRoot, { recursive: true });
  const path = mkdtempSync(join(scratchRoot, `dormouse-bench-${name}-`));
  made.add(path);
  return path;
}

/** Removes what {@link scratchDirectory} made. @param {string} [path] Only this one. */
export function clearScratch(path) {
  for (const directory of path === undefined ? made : [path]) {
    rmSync(directory, { recursive: true, force: true });
    made.delete(directory);
  }
}
