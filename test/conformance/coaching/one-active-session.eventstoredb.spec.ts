import { afterAll, beforeAll, jest } from '@jest/globals';
import { pino } from 'pino';
import { EventStoreDbEventStore } from '../../../src/platform/event-store/eventstoredb/eventstoredb-event-store.js';
import { startEventStoreDbServer } from '../../support/eventstoredb-server/eventstoredb-server.js';
import type { EventStoreDbServer } from '../../support/eventstoredb-server/eventstoredb-server.js';
import { describeOneActiveSession } from './one-active-session.conformance.js';

// Each step is a round trip.
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

describeOneActiveSession('eventstoredb', async () => {
  const store = await EventStoreDbEventStore.open(given ?? server?.connectionString ?? '', { log });
  return { store, reopen: () => Promise.resolve(store), close: () => store.close() };
});
