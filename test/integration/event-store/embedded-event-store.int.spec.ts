import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../../src/platform/clock.js';
import { EmbeddedEventStore } from '../../../src/platform/event-store/embedded/embedded-event-store.js';
import { collect } from '../../support/collect.js';
import { killStarted, startProcess } from './spawn-process.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dormouse-crash-'));
  path = join(directory, 'events.sqlite');
});
afterEach(async () => {
  await killStarted();
  rmSync(directory, { recursive: true });
});

/** Last acknowledged revision of each stream, from the lines of the writing process. */
function acknowledged(lines: readonly string[]): Map<string, number> {
  const appends = lines.filter((line) => line.startsWith('writer-')).map((line) => line.split(' '));
  return new Map(appends.map(([stream = '', revision]) => [stream, Number(revision)]));
}

/** Opens what a process left and checks it against what it had acknowledged. */
async function expectEverythingAcknowledged(lines: readonly string[]): Promise<void> {
  const store = EmbeddedEventStore.open(path, { clock: new SystemClock() });
  for (const [stream, revision] of acknowledged(lines)) {
    const revisions = (await collect(store.readStream(stream))).map((event) => event.revision);
    expect(revisions).toEqual(revisions.map((_, index) => index));
    expect(revisions.length).toBeGreaterThan(revision);
    // Two events an append: all or none.
    expect(revisions.length % 2).toBe(0);
  }
  await store.close();
}

describe('the embedded event store', () => {
  it('has everything it acknowledged after kill -9, time and again', async () => {
    for (let round = 1; round <= 4; round++) {
      const writer = startProcess('append-events.process.ts', [path, '300']);
      await writer.waitForLines(150 * round);
      await writer.kill();

      await expectEverythingAcknowledged(writer.lines);
    }
  }, 60_000);

  it('is one process’s at a time: a second one is refused, and the first one goes on', async () => {
    const writer = startProcess('append-events.process.ts', [path, '300']);
    await writer.waitForLines(10);

    expect(() => EmbeddedEventStore.open(path, { clock: new SystemClock() })).toThrow(
      expect.objectContaining({ problem: 'in_use' }),
    );

    await writer.waitForLines(writer.lines.length + 10);
    expect(writer.lines.filter((line) => line.startsWith('failed'))).toEqual([]);
    await writer.kill();
    await expectEverythingAcknowledged(writer.lines);
  }, 60_000);

  it('answers with clear errors and loses nothing when files may not grow any more', async () => {
    // In units of 512 bytes or 1 KiB, depending on the shell; the signal that would end the process is ignored.
    const limited = 'trap "" XFSZ; ulimit -f 600; exec "$@"';
    const writer = startProcess('append-events.process.ts', [path, '2000'], limited);

    await expect(writer.ended).resolves.toBe(0);

    const failures = writer.lines.filter((line) => line.startsWith('failed'));
    expect(failures.length).toBeGreaterThan(0);
    for (const line of failures) expect(line).toMatch(/^failed (event_store_unavailable|append_outcome_unknown)$/);
    expect(acknowledged(writer.lines).size).toBe(4);
    await expectEverythingAcknowledged(writer.lines);
  }, 60_000);

  const mountsDisks = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', tmpdir(), '--fake']).status === 0;
  (mountsDisks ? it : it.skip)(
    'says that the disk is full, loses nothing, and goes on when there is space (needs the right to mount)',
    async () => {
      const disk = (...args: string[]) => expect(spawnSync('mount', ['-t', 'tmpfs', ...args]).status).toBe(0);
      disk('-o', 'size=1m', 'tmpfs', directory);
      try {
        const writer = startProcess('append-events.process.ts', [path, '2000']);
        await expect(writer.ended).resolves.toBe(0);
        const failures = new Set(writer.lines.filter((line) => line.startsWith('failed')));
        expect([...failures]).toEqual(['failed event_store_unavailable']);

        disk('-o', 'remount,size=8m', 'tmpfs', directory);
        await expectEverythingAcknowledged(writer.lines);
      } finally {
        spawnSync('umount', [directory]);
      }
    },
    60_000,
  );
});
