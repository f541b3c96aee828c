/**
 * Appends events for ever, several writers at once, and writes a line for each append that was acknowledged:
 * `<stream> <revision>`; for one that failed the line is `failed <code>`, and after a few of those it stops.
 *
 * Arguments: path of the store, characters of text in each event.
 */
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { SystemClock } from '../../../src/platform/clock.js';
import { DormouseError } from '../../../src/platform/errors.js';
import { EmbeddedEventStore } from '../../../src/platform/event-store/embedded/embedded-event-store.js';

const WRITERS = 4;
const FAILURES = 20;

const [, , path = '', characters = '10'] = process.argv;
const store = EmbeddedEventStore.open(path, { clock: new SystemClock() });
let failures = 0;

async function write(stream: string): Promise<void> {
  while (failures < FAILURES) {
    try {
      const { revision } = await store.append(stream, [event(), event()], 'any');
      // Synchronous: a line that was written is seen even when the next instant kills this process.
      writeSync(1, `${stream} ${revision}\n`);
    } catch (error) {
      if (!(error instanceof DormouseError)) throw error;
      failures++;
      writeSync(1, `failed ${error.code}\n`);
    }
  }
}

function event() {
  const id = randomUUID();
  const metadata = {
    $correlationId: id,
    $causationId: id,
    schema_version: 1,
    time: '2026-01-02T03:04:05.678Z',
    actor: 'crash-test',
    command_id: id,
  };
  return { id, type: 'Written', data: { text: 'x'.repeat(Number(characters)) }, metadata };
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(`writer-${writer}`)));
await store.close();
