import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../../src/platform/clock.js';
import { EmbeddedEventStore } from '../../../src/platform/event-store/embedded/embedded-event-store.js';
import { describeOneActiveSession } from './one-active-session.conformance.js';

describeOneActiveSession('embedded', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dormouse-events-'));
  const store = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock() });
  return Promise.resolve({
    store,
    reopen: () => Promise.resolve(store),
    close: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  });
});
