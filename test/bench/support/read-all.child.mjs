/**
 * Reads all events of an embedded store, page by page, and prints how many a second.
 *
 *   node read-all.child.mjs <directory of events.sqlite> <number of events in it> <events of a page>
 */
import { join } from 'node:path';
import { SystemClock } from '../../../dist/platform/clock.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import { perSecond } from './measure.mjs';

const [directory, count, limit] = process.argv.slice(2);
const events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock() });
const rate = await perSecond(Number(count), async () => {
  let got = 0;
  for (let after = null; ;) {
    const page = await events.readAll({ after, limit: Number(limit) });
    got += page.events.length;
    after = page.position;
    if (page.live) break;
  }
  if (got !== Number(count)) throw new Error(`The store has ${got} events instead of ${count}.`);
});
await events.close();
process.stdout.write(`${rate}`);
