import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../../src/platform/clock.js';
import { EmbeddedEventStore } from '../../../src/platform/event-store/embedded/embedded-event-store.js';
import { describeEventStore } from './event-store.conformance.js';

describeEventStore('embedded', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dormouse-events-'));
  const open = () => EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock() });
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
});
