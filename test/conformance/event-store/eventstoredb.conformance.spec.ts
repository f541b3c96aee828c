import { afterAll, beforeAll, jest } from '@jest/globals';
import { pino } from 'pino';
import { EventStoreDbEventStore } from '../../../src/platform/event-store/eventstoredb/eventstoredb-event-store.js';
import { startEventStoreDbServer } from '../../support/eventstoredb-server/eventstoredb-server.js';
import type { EventStoreDbServer } from '../../support/eventstoredb-server/eventstoredb-server.js';
import { describeEventStore } from './event-store.conformance.js';

// Each step of the properties is a round trip.
jest.setTimeout(60_000);

/** A real EventStoreDB, when there is one; else the server of the tests that speaks its protocol. */
const given = process.env['EVENTSTOREDB_TEST_URI'];
let server: EventStoreDbServer | undefined;

beforeAll(async () => {
  if (given === undefined) server = await startEventStoreDbServer();
});
afterAll(async () => {
  await server?.dispose();
});

const log = pino({ level: 'silent' });
const open = () => EventStoreDbEventStore.open(given ?? server?.connectionString ?? '', { log });

describeEventStore('eventstoredb', async () => {
  const first = await open();
  let present = first;
  return {
    store: first,
    reopen: async () => {
      await present.close();
      present = await open();
      return present;
    },
    close: () => present.close(),
  };
});
