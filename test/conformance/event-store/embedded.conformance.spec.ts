import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../../src/platform/clock.js';
import { EmbeddedEventStore } from '../../../src/platform/event-store/embedded/embedded-event-store.js';
import { describeEventStore } from './event-store.conformance.js';

/** The index of the log is written behind: the suite must pass wherever an event happens to be found. */
const VARIANTS = [
  { name: 'embedded', options: {} },
  { name: 'embedded, its index written after every third event', options: { indexAfter: 3 } },
];

for (const { name, options } of VARIANTS) describeEventStore(name, () => makeStore(options));

function makeStore(options: { indexAfter?: number }): ReturnType<Parameters<typeof describeEventStore>[1]> {
  const directory = mkdtempSync(join(tmpdir(), 'dormouse-events-'));
  const open = () =>
    EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock(), ...options });
  const first = open();
  let present = first;
  return Promise.resolve({
    store: first,
    reopen: async () => {
      await present.close();
      present = open();
      return present;
    },
    close: async () => {
      await present.close();
      rmSync(directory, { recursive: true });
    },
  });
}
