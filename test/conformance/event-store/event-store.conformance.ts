import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeAppends } from './appends.conformance.js';
import type { MakeStore, StoreFixture } from './fixture.js';
import { describeLifecycle } from './lifecycle.conformance.js';
import { describePayloads } from './payloads.conformance.js';
import { describeProperties } from './properties.conformance.js';
import { describeReads } from './reads.conformance.js';
import { describeSubscriptions } from './subscriptions.conformance.js';

/**
 * What every adapter of the event store port does. An adapter is done when this passes; where EventStoreDB has an
 * observable behaviour, that behaviour is what is expected here. The store may hold other events, and others may
 * write to it at the same time.
 */
export function describeEventStore(name: string, makeStore: MakeStore): void {
  describe(`the event store ${name}`, () => {
    let fixture: StoreFixture;
    beforeAll(async () => {
      fixture = await makeStore();
    });
    afterAll(async () => {
      await fixture.close();
    });
    const store = () => fixture.store;

    describeAppends(store);
    describePayloads(store);
    describeReads(store);
    describeSubscriptions(store, makeStore);
    describeLifecycle(makeStore);
    describeProperties(store);
  });
}
