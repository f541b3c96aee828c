import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../clock.js';
import { StoreFileRefused } from '../event-store/event-store.errors.js';
import { DataDirectory } from './data-directory.js';

const CLOCK = new ManualClock(Date.parse('2026-01-02T03:04:05.678Z'));

let parent: string;
let path: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'dormouse-data-'));
  path = join(parent, 'deep', 'data');
});
afterEach(() => rmSync(parent, { recursive: true }));

describe('a data directory', () => {
  it('is made where it is missing, for its owner only', () => {
    const claimed = DataDirectory.claim(path, CLOCK);

    expect(statSync(path).mode & 0o777).toBe(0o700);
    claimed.release();
  });

  it('says who has it, and where that process answers once it does', () => {
    const claimed = DataDirectory.claim(path, CLOCK);
    const info = { pid: process.pid, url: null, started_at: '2026-01-02T03:04:05.678Z' };
    expect(DataDirectory.holder(path)).toEqual(info);

    claimed.publish('http://127.0.0.1:3000');

    expect(DataDirectory.holder(path)).toEqual({ ...info, url: 'http://127.0.0.1:3000' });
    expect(JSON.parse(readFileSync(claimed.file('instance.json'), 'utf8'))).toMatchObject({ pid: process.pid });
    claimed.release();
  });

  it('belongs to one at a time', () => {
    const claimed = DataDirectory.claim(path, CLOCK);

    expect(() => DataDirectory.claim(path, CLOCK)).toThrow(StoreFileRefused);
    expect(() => DataDirectory.claim(path, CLOCK)).toThrow(`${path} is in use by process ${process.pid}`);

    expect(DataDirectory.holder(path)).toMatchObject({ pid: process.pid });
    claimed.release();
  });

  it('is nobody’s before it is claimed and after it is released, and can be claimed again', () => {
    expect(DataDirectory.holder(path)).toBeUndefined();
    const claimed = DataDirectory.claim(path, CLOCK);

    claimed.release();
    claimed.release();

    expect(DataDirectory.holder(path)).toBeUndefined();
    DataDirectory.claim(path, CLOCK).release();
  });

  it('is nobody’s although a process that was killed left its name in it', () => {
    DataDirectory.claim(path, CLOCK).release();
    writeFileSync(join(path, 'instance.json'), '{"pid":1,"url":"http://127.0.0.1:1","started_at":""}');

    expect(DataDirectory.holder(path)).toBeUndefined();
  });

  it('holds no history until there is one, and looking makes nothing', () => {
    expect(DataDirectory.holdsHistory(path)).toBe(false);
    expect(DataDirectory.isClaimed(path)).toBe(false);
    expect(existsSync(path)).toBe(false);

    const claimed = DataDirectory.claim(path, CLOCK);
    expect(DataDirectory.isClaimed(path)).toBe(true);
    expect(DataDirectory.holdsHistory(path)).toBe(false);
    writeFileSync(claimed.file('events.sqlite'), '');
    expect(DataDirectory.holdsHistory(path)).toBe(true);
    claimed.release();
  });

  (existsSync('/proc/self') ? it : it.skip)('is refused at once where a file system takes no directories', () => {
    const startedAt = performance.now();
    expect(() => DataDirectory.claim('/proc/dormouse/deep/data', CLOCK)).toThrow(
      expect.objectContaining({ problem: 'not_writable' }),
    );
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('is refused where it cannot be made', () => {
    writeFileSync(join(parent, 'file'), '');

    expect(() => DataDirectory.claim(join(parent, 'file', 'data'), CLOCK)).toThrow(
      expect.objectContaining({ problem: 'not_writable' }),
    );
  });
});
