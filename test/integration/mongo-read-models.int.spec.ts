import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { MongoLeases } from '../../src/platform/leases/mongo-leases.js';
import { permitFor } from '../../src/platform/leases/mongo-lease-table.js';
import type { Permit } from '../../src/platform/leases/mongo-lease-table.js';
import { MongoConnection } from '../../src/platform/mongodb/mongo-connection.js';
import { DocumentTooLarge } from '../../src/platform/mongodb/mongodb.errors.js';
import { fenced, fencedDeletion, positioned, writeAll } from '../../src/platform/read-models/mongo/guarded-writes.js';
import type { StoredWrite } from '../../src/platform/read-models/mongo/guarded-writes.js';
import { modelIn } from '../../src/platform/read-models/mongo/mongo-collection.js';
import { MongoReadModelStore } from '../../src/platform/read-models/mongo/mongo-read-model-store.js';
import { StaleFence } from '../../src/platform/read-models/read-model-store.errors.js';
import type {
  Collection,
  Document,
  DocumentQuery,
  Fence,
} from '../../src/platform/read-models/read-model-store.port.js';
import { PARKED_STREAMS, SKIPPED_EVENTS } from '../../src/platform/projections/parking.js';
import { WORKER_STATUSES } from '../../src/workers/domain/worker-status.js';
import { workersProjection } from '../../src/workers/projections/workers.projection.js';
import { collect } from '../support/collect.js';
import { describeWithMongo, TestDatabase } from '../support/mongodb.js';

const log = pino({ level: 'silent' });

interface Counter {
  readonly count: number;
}

describeWithMongo('Read models in MongoDB', () => {
  let database: TestDatabase;
  let connection: MongoConnection;
  let store: MongoReadModelStore;

  beforeEach(async () => {
    database = new TestDatabase();
    connection = await database.connect();
    store = new MongoReadModelStore(connection);
  });
  afterEach(async () => {
    await store.close();
    await database.drop();
  });

  describe('share a database', () => {
    it('with what others keep there, which they neither see nor touch', async () => {
      const theirs = connection.db.collection('workers');
      await theirs.insertOne({ theirs: true });
      const ours = await store.collection<Counter>({ name: 'workers' });
      await ours.put('a', { count: 1 });
      expect(await store.collectionNames()).toEqual(['workers']);
      expect(await collect(ours.all())).toHaveLength(1);
      await store.dropCollection('workers');
      expect(await theirs.countDocuments()).toBe(1);
    });

    it('among instances that write the same new document at once: one of the writes stands, none fails', async () => {
      const counters = await store.collection<Counter>({ name: 'counters' });
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      await Promise.all(numbers.map((count) => counters.put('a', { count })));
      await Promise.all(
        numbers.map((position) =>
          store.commit({
            collection: 'counters',
            writes: [{ id: 'b', document: { count: position }, position }],
            beside: [],
          }),
        ),
      );
      expect(numbers).toContain((await counters.get('a'))?.document.count);
      expect(await counters.get('b')).toEqual({ id: 'b', position: 19, document: { count: 19 } });
    });
  });

  describe('of a holder that was frozen in the middle of a commit', () => {
    const LEASE = 'projection/workers';
    let counters: Collection<Counter>;
    let parked: Collection<Document>;
    let stale: Permit;
    let current: Fence;

    /** What the frozen holder was about to send, sent when another one has taken over. */
    const sendLate = async (collection: string, write: StoredWrite) =>
      await writeAll(modelIn(connection.db, collection), [write]);

    beforeEach(async () => {
      counters = await store.collection<Counter>({ name: 'counters' });
      parked = await store.collection({ name: 'parked' });
      const frozen = await database.connect();
      const lease = await MongoLeases.on(frozen, { log, ttlMs: 300 }).acquire(LEASE);
      if (!lease.fence) throw new Error('A shared lease has a fence.');
      await store.commit({
        collection: 'counters',
        writes: [{ id: 'seen', document: { count: 1 }, position: 1 }],
        beside: [{ collection: 'parked', id: 's1', document: { by: 'old' } }],
        fence: lease.fence,
      });
      stale = await permitFor(connection.db, lease.fence);
      await frozen.close();
      const next = await MongoLeases.on(await database.connect(), { log }).acquire(LEASE);
      if (!next.fence) throw new Error('A shared lease has a fence.');
      current = next.fence;
    });

    it('leave documents alone that the new holder has written further', async () => {
      const fence = current;
      const writes = [{ id: 'seen', document: { count: 9 }, position: 9 }];
      await store.commit({ collection: 'counters', writes, beside: [], fence });
      await sendLate('counters', positioned('seen', { count: 8 }, 8));
      expect(await counters.get('seen')).toEqual({ id: 'seen', position: 9, document: { count: 9 } });
    });

    it('make documents that the new holder finds done when it comes to them', async () => {
      await sendLate('counters', positioned('seen', { count: 8 }, 8));
      const writes = [{ id: 'seen', document: { count: 5 }, position: 5 }];
      await store.commit({ collection: 'counters', writes, beside: [], fence: current });
      expect(await counters.get('seen')).toEqual({ id: 'seen', position: 8, document: { count: 8 } });
    });

    it('park no stream, change no record and delete none', async () => {
      await sendLate('parked', fenced('ghost', { by: 'old' }, stale));
      await sendLate('parked', fencedDeletion('s1', stale));
      expect((await collect(parked.all())).map(({ id }) => id)).toEqual(['s1']);
      expect(await parked.count()).toBe(1);
      expect(await parked.getManyWithDeleted(['ghost'])).toEqual([]);
      await parked.put('ghost', { by: 'new' }, current);
      expect((await parked.get('ghost'))?.document).toEqual({ by: 'new' });
    });

    it('change nothing where the new holder has written, even if the clocks were wrong', async () => {
      await parked.put('s1', { by: 'new' }, current);
      const clocksWrong = { ...stale, until: new Date(Date.now() + 3_600_000) };
      expect(await sendLate('parked', fenced('s1', { by: 'old' }, clocksWrong))).toBe(1);
      await sendLate('parked', fencedDeletion('s1', clocksWrong));
      expect((await parked.get('s1'))?.document).toEqual({ by: 'new' });
    });

    it('are refused as a whole when they begin after that', async () => {
      const commit = store.commit({
        collection: 'counters',
        writes: [{ id: 'new', document: { count: 9 }, position: 9 }],
        beside: [{ collection: 'parked', id: 's2', document: {} }],
        fence: stale.fence,
      });
      await expect(commit).rejects.toThrow(StaleFence);
      expect(await counters.count()).toBe(1);
      expect(await parked.count()).toBe(1);
    });
  });

  it('are refused to a holder that has given its lease back', async () => {
    const counters = await store.collection<Counter>({ name: 'counters' });
    const leases = MongoLeases.on(await database.connect(), { log });
    const lease = await leases.acquire('job/a');
    await counters.put('a', { count: 1 }, lease.fence);
    await lease.release();
    await expect(counters.put('a', { count: 2 }, lease.fence)).rejects.toThrow(StaleFence);
    const again = await leases.acquire('job/a');
    await counters.put('a', { count: 3 }, again.fence);
    expect((await counters.get('a'))?.document).toEqual({ count: 3 });
  });

  it('say so when a document is larger than MongoDB takes, and write nothing of it', async () => {
    const texts = await store.collection<{ text: string }>({ name: 'texts' });
    const write = { id: 'a', document: { text: 'x'.repeat(17_000_000) }, position: 1 };
    await expect(texts.put('a', write.document)).rejects.toThrow(DocumentTooLarge);
    await expect(store.commit({ collection: 'texts', writes: [write], beside: [] })).rejects.toThrow(DocumentTooLarge);
    expect(await texts.count()).toBe(0);
  });

  describe('have indexes', () => {
    const names = async () => {
      const indexes = await modelIn(connection.db, 'workers').listIndexes().toArray();
      return indexes.map(({ name }: { name: string }) => name).toSorted();
    };

    it('that stay when the collection is opened with fewer', async () => {
      await store.collection({ name: 'workers', indexes: [{ fields: ['status'] }, { fields: ['status', 'name'] }] });
      const again = new MongoReadModelStore(await database.connect());
      await again.collection({ name: 'workers' });
      await again.close();
      expect(await names()).toEqual(['_id_', 'ix_status', 'ix_status__name']);
    });

    it('that follow their definition when it changes from unique to not', async () => {
      await store.collection({ name: 'workers', indexes: [{ fields: ['name'], unique: true }] });
      const workers = await store.collection<Document>({ name: 'workers', indexes: [{ fields: ['name'] }] });
      expect(await names()).toEqual(['_id_', 'ix_name']);
      await workers.putMany([
        { id: 'a', document: { name: 'x' } },
        { id: 'b', document: { name: 'x' } },
      ]);
    });

    it('that replace one of the same name which is another', async () => {
      await modelIn(connection.db, 'workers').createIndex({ 'd.other': 1 }, { name: 'ix_status' });
      await store.collection({ name: 'workers', indexes: [{ fields: ['status'] }] });
      const indexes: unknown[] = await modelIn(connection.db, 'workers').listIndexes().toArray();
      expect(indexes[1]).toMatchObject({ name: 'ix_status', key: { 'd.status': 1, _id: 1 } });
    });

    it('whose uniqueness is not disturbed by what was deleted', async () => {
      await store.collection({ name: 'workers', indexes: [{ fields: ['name'], unique: true }] });
      const deleted = ['a', 'b'].map((id, i) => ({ id, document: null, position: i }));
      await store.commit({ collection: 'workers', writes: deleted, beside: [] });
      const workers = await store.collection<Document>({ name: 'workers' });
      expect(await workers.getManyWithDeleted(['a', 'b'])).toHaveLength(2);
    });
  });

  describe('answer from an index', () => {
    let workers: Collection<Document>;
    let parkedStreams: Collection<Document>;
    let skippedEvents: Collection<Document>;

    beforeEach(async () => {
      workers = await store.collection({ name: 'workers__v1_g1', indexes: workersProjection.indexes ?? [] });
      parkedStreams = await store.collection(PARKED_STREAMS);
      skippedEvents = await store.collection(SKIPPED_EVENTS);
      const ids = Array.from({ length: 2_000 }, (_, i) => String(i).padStart(4, '0'));
      await workers.putMany(
        ids.map((id, i) => ({
          id,
          document: {
            aws_region: `region-${i % 20}`,
            name: `worker ${id}`,
            status: i % 10 === 0 ? 'running' : i % 10 === 1 ? 'stopped' : 'terminated',
            is_idle_detection_enabled: i % 20 === 0,
            power_change_pending: i % 500 === 0,
          },
        })),
      );
      const kept = (id: string, i: number) => ({
        id,
        document: { projection: `p${i % 50}`, generation: 1, version: 1 },
      });
      await parkedStreams.putMany(ids.map(kept));
      await skippedEvents.putMany(ids.map(kept));
    });

    const byName = { orderBy: { field: 'name', direction: 'asc' as const }, limit: 51 };
    const page = { value: 'worker 1000', id: '1000' };
    const inRegion = { aws_region: 'region-3' };
    const candidates = { status: 'running', is_idle_detection_enabled: true };

    it.each<[string, string, DocumentQuery]>([
      ['a region’s workers by name', 'ix_aws_region__name', { where: inRegion, ...byName }],
      ['the next page of them', 'ix_aws_region__name', { where: inRegion, ...byName, after: page }],
      ['those of one status', 'ix_aws_region__status__name', { where: { ...inRegion, status: 'running' }, ...byName }],
      [
        'the next page of those',
        'ix_aws_region__status__name',
        { where: { ...inRegion, status: 'running' }, ...byName, after: page },
      ],
      ['the workers of all regions by name', 'ix_name', { where: { name: { gte: '' } }, ...byName }],
      ['the next page of them', 'ix_name', { where: { name: { gte: '' } }, ...byName, after: page }],
      // Which of the two is up to the server: one has the order, the other may be smaller.
      [
        'those of one status in all regions',
        'ix_status__(name|is_idle_detection_enabled)',
        { where: { status: 'running' }, ...byName },
      ],
      [
        'the next page of those',
        'ix_status__(name|is_idle_detection_enabled)',
        { where: { status: 'running' }, ...byName, after: page },
      ],
      ['the detection job’s candidates', 'ix_status__is_idle_detection_enabled', { where: candidates, limit: 500 }],
      [
        'the next page of them',
        'ix_status__is_idle_detection_enabled',
        { where: candidates, limit: 500, after: { id: '0100' } },
      ],
      [
        'the workers that EC2 is asked about',
        'ix_status__is_idle_detection_enabled',
        { where: { status: { in: WORKER_STATUSES.filter((status) => status !== 'terminated') } } },
      ],
      [
        'pauses and resumes under way',
        'ix_power_change_pending',
        { where: { power_change_pending: true }, limit: 500 },
      ],
    ])('%s', async (_what, index, query) => {
      const { usesIndex, plan } = await workers.explain(query);
      const served = new RegExp(`^${index}$`).test(usesIndex ?? '');
      expect({ served, plan: served ? '' : `${usesIndex}: ${plan}` }).toEqual({ served: true, plan: '' });
    });

    it('which streams are parked and which events are skipped', async () => {
      expect((await parkedStreams.explain({ where: { projection: 'p1', generation: 1 } })).usesIndex).toBe(
        'ix_projection__generation',
      );
      expect((await skippedEvents.explain({ where: { projection: 'p1', version: 1 } })).usesIndex).toBe(
        'ix_projection__version',
      );
    });
  });

  it.each([
    [
      'credentials',
      (uri: URL) => Object.assign(uri, { username: 'u', password: 'wr0ng' }),
      'user name, password or authSource',
    ],
    ['TLS', (uri: URL) => Object.assign(uri, { search: '?tls=true' }), 'TLS does not fit'],
    ['a CA file', (uri: URL) => Object.assign(uri, { search: '?tls=true&tlsCAFile=/nowhere.pem' }), 'nowhere.pem'],
    ['a replica set', (uri: URL) => Object.assign(uri, { search: '?replicaSet=rs9' }), 'replicaSet'],
  ])('say so when the server does not take %s of the URI, without telling it', async (_what, wrong, text) => {
    const { href } = wrong(new URL(database.uri));
    const refused = new MongoReadModelStore(await MongoConnection.open(href, { log }));
    const answer = refused.ping();
    await expect(answer).rejects.toMatchObject({ code: 'read_model_store_unavailable' });
    await expect(answer).rejects.toThrow(text);
    await expect(answer).rejects.not.toThrow('wr0ng');
    await refused.close();
  });

  it('that take longer than the lease is certain are written again by who still holds it', async () => {
    const counters = await store.collection<Counter>({ name: 'counters' });
    const leases = MongoLeases.on(await database.connect(), { log, ttlMs: 300 });
    const lease = await leases.acquire('projection/counters');
    if (!lease.fence) throw new Error('A shared lease has a fence.');
    const permit = await permitFor(connection.db, lease.fence);
    await delay(400);
    lease.assertHeld();
    await writeAll(modelIn(connection.db, 'counters'), [fenced('a', { count: 1 }, permit)]);
    expect(await counters.get('a')).toBeUndefined();
    await counters.put('a', { count: 1 }, lease.fence);
    expect((await counters.get('a'))?.document).toEqual({ count: 1 });
    await leases.close();
  });
});
