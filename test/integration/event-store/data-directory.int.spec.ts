import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataDirectory } from '../../../src/platform/data-directory/data-directory.js';
import { killStarted, startProcess } from './spawn-process.js';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'dormouse-claim-'));
});
afterEach(async () => {
  await killStarted();
  rmSync(path, { recursive: true });
});

describe('a data directory and two processes', () => {
  it('refuses the second one, naming the directory and the process that has it', async () => {
    const claimed = DataDirectory.claim(path);

    const second = startProcess('claim-directory.process.ts', [path]);

    await expect(second.ended).resolves.toBe(0);
    expect(second.lines).toEqual([
      expect.stringContaining(`in_use: The data directory ${path} is in use by process ${process.pid}`),
    ]);
    claimed.release();
  }, 30_000);

  it('tells others where the one who has it answers', async () => {
    const holder = startProcess('claim-directory.process.ts', [path]);
    await holder.waitForLines(1);

    expect(DataDirectory.holder(path)).toMatchObject({ url: 'http://127.0.0.1:4000' });
    expect(() => DataDirectory.claim(path)).toThrow('is in use by process');

    await holder.kill();
  }, 30_000);

  it('is free again once the one who has it is killed, whatever that one left in it', async () => {
    const holder = startProcess('claim-directory.process.ts', [path]);
    await holder.waitForLines(1);

    await holder.kill();

    expect(readFileSync(join(path, 'instance.json'), 'utf8')).toContain('http://127.0.0.1:4000');
    expect(DataDirectory.holder(path)).toBeUndefined();
    DataDirectory.claim(path).release();
  }, 30_000);
});
