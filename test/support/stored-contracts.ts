import { globSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '../../src/platform/clock.js';
import { EmbeddedEventStore } from '../../src/platform/event-store/embedded/embedded-event-store.js';
import type { EventCategory } from '../../src/platform/event-store/event-codec.js';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import type { Position } from '../../src/platform/event-store/event-store.port.js';
import { violationsOfStored } from './event-contracts.js';

const PAGE = 1000;

/** What a program has written, held to the contracts of every context. */
export interface StoredContracts {
  /** How many events of each type there are. */
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

/** Looks at every event in the data directory of a program that has ended. */
export async function storedContracts(dataDirectory: string): Promise<StoredContracts> {
  const codec = await codecOfAllContexts();
  const store = EmbeddedEventStore.open(join(dataDirectory, 'events.sqlite'), { clock: new SystemClock() });
  const counts: Record<string, number> = {};
  const violations: string[] = [];
  try {
    let after: Position | null = null;
    for (let live = false; !live;) {
      const batch = await store.readAll({ after, limit: PAGE });
      for (const event of batch.events) {
        counts[event.type] = (counts[event.type] ?? 0) + 1;
        violations.push(...violationsOfStored(codec, event));
      }
      ({ position: after, live } = batch);
    }
  } finally {
    await store.close();
  }
  return { counts, violations };
}

/** A codec that knows what src/<context>/contracts say. */
async function codecOfAllContexts(): Promise<EventCodec> {
  const codec = new EventCodec();
  for (const path of globSync(join(import.meta.dirname, '../../src/*/contracts/*.contract.ts'))) {
    const exported = (await import(path)) as Readonly<Record<string, EventCategory>>;
    for (const category of Object.values(exported)) codec.registerCategory(category);
  }
  return codec;
}
