import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { PushDispatcher } from '../../src/subscriptions/delivery/push-dispatcher.js';
import { eventually } from '../support/eventually.js';
import type { EventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { describeWithMongo, TestDatabase } from '../support/mongodb.js';
import type { Instance } from '../support/shared-stores-lab.js';
import { SharedStoresLab } from '../support/shared-stores-lab.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';

const SIGNING_KEY = 'a-key-that-all-instances-know-of-each-other';

let lab: SharedStoresLab;
let server: EventStoreDbServer;
let database: TestDatabase;
let receiver: WebhookReceiver;

const environment = (): NodeJS.ProcessEnv => ({
  EVENTSTORE_CONNECTION_STRING: server.connectionString,
  MONGODB_URI: database.uri,
  WEBHOOK_SIGNING_KEY: SIGNING_KEY,
  WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true',
});

const delivers = ({ service }: Instance): boolean => service.app.get(PushDispatcher).isDelivering;

/** Somebody who switches the detection of two workers off and on again, one change after another. */
class Toggling {
  private stopped = false;
  private readonly ended: Promise<void>;

  constructor(
    private readonly through: Instance,
    private readonly paths: readonly string[],
  ) {
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.ended;
  }

  private async run(): Promise<void> {
    for (let n = 0; !this.stopped; n++) {
      const verb = Math.floor(n / this.paths.length) % 2 === 0 ? 'disable' : 'enable';
      const path = this.paths[n % this.paths.length] ?? '';
      await this.through.post(`${path}/idle-detection/${verb}`);
    }
  }
}

/** Ids of everything that is to be delivered, as the store has it. */
async function published({ service }: Instance): Promise<string[]> {
  const { events } = await service.app
    .get(EventStore)
    .readAll({ after: null, limit: 10_000, filter: { streamPrefixes: ['cmlWorker-'] } });
  return events.map(({ id }) => id);
}

/** Everything has arrived, and the first receipts of each aggregate's events are in the order of its history. */
async function expectAll(instance: Instance): Promise<void> {
  const expected = await published(instance);
  const missing = () => expected.filter((id) => !receiver.received.some(({ event }) => event.id === id));
  await eventually(
    () => `all of ${expected.length} have arrived; ${missing().length} are missing`,
    () => missing().length === 0,
  );
  const revisions = new Map<string, number[]>();
  for (const { subject, streamrevision } of receiver.received.map(({ event }) => event)) {
    const seen = revisions.get(subject) ?? [];
    if (!seen.includes(streamrevision)) revisions.set(subject, [...seen, streamrevision]);
  }
  for (const seen of revisions.values()) expect(seen).toEqual(seen.map((_, index) => index));
}

describeWithMongo('Push from two instances', () => {
  let one: Instance;
  let two: Instance;
  let paths: string[];

  beforeEach(async () => {
    [lab, server, receiver] = await Promise.all([
      SharedStoresLab.open(),
      startEventStoreDbServer(),
      WebhookReceiver.start(),
    ]);
    database = new TestDatabase();
    one = await lab.startReady(environment(), true);
    await eventually('the first one delivers', () => delivers(one));
    two = await lab.startReady(environment(), true);
    paths = [(await lab.import(one)).path, (await lab.import(two)).path];
  });
  afterEach(async () => {
    await lab.close();
    await Promise.all([server.dispose(), database.drop(), receiver.close()]);
  });

  const subscribe = async (through: Instance): Promise<string> => {
    const { status, body } = await through.post('/subscriptions', { url: receiver.url, after: 'beginning' });
    expect(status).toBe(201);
    return `/subscriptions/${String(body['subscription_id'])}`;
  };

  it('is done by one of them; when it stops, the other goes on where it was', async () => {
    const path = await subscribe(two);
    const toggling = new Toggling(two, paths);
    await eventually('some have arrived', () => receiver.received.length > 20);
    expect([delivers(one), delivers(two)]).toEqual([true, false]);
    await one.service.stop();
    await eventually('the other one delivers', () => delivers(two));
    const before = receiver.received.length;
    await eventually('more have arrived', () => receiver.received.length > before + 20);
    await toggling.stop();
    await expectAll(two);
    await eventually('the progress is stored', async () => (await two.get(path)).body['lag_events'] === 0);
    // What was on its way while the first one stopped may come twice, and nothing else.
    expect(receiver.received.length - receiver.firstIds.length).toBeLessThanOrEqual(8);
  }, 60_000);

  it('goes over to the other one when the lease is lost, and nothing is lost with it', async () => {
    await subscribe(one);
    const toggling = new Toggling(two, paths);
    await eventually('some have arrived', () => receiver.received.length > 20);
    const { db } = await database.connect();
    const leases = db.collection<{ _id: string }>('dormouse.leases');
    const mine = { _id: 'push-delivery' };
    const lease = await leases.findOne(mine);
    // As if the holder had been frozen for longer than its lease: somebody else has taken it, and given it back.
    await leases.updateOne(mine, { $inc: { token: 1 }, $set: { holder: null } });
    await eventually('it has changed hands', async () => {
      const now = await leases.findOne(mine);
      return now !== null && JSON.stringify(now) !== JSON.stringify(lease) && (delivers(one) || delivers(two));
    });
    const before = receiver.received.length;
    await eventually('more have arrived', () => receiver.received.length > before + 20);
    await toggling.stop();
    await expectAll(two);
    expect(one.logged('push.handed_over').length).toBeGreaterThanOrEqual(1);
  }, 60_000);

  it('tells on each of them how the deliveries stand, and in health what is suspended', async () => {
    receiver.behaviour = (response) => void response.writeHead(410).end();
    const path = await subscribe(one);
    for (const instance of [one, two]) {
      await eventually('it shows the suspension', async () => (await instance.get(path)).body['state'] === 'suspended');
      const { body } = await instance.get('/health/ready');
      expect(body['warnings']).toEqual([expect.stringMatching(/is suspended, because its receiver is gone/)]);
    }
    expect(one.logged('push.suspended')).toHaveLength(1);
  }, 60_000);

  it('goes on by itself when the event store was away', async () => {
    await subscribe(one);
    await eventually('both registrations have arrived', () => receiver.firstIds.length === 2);
    await server.stop();
    await server.restart();
    await eventually('the store is back', async () => (await two.isReady()) && (await one.isReady()));
    const { status } = await two.post(`${paths[0] ?? ''}/idle-detection/disable`);
    expect(status).toBe(200);
    await expectAll(two);
    expect(receiver.firstIds).toHaveLength(3);
  }, 60_000);
});

describeWithMongo('An instance on shared stores without WEBHOOK_SIGNING_KEY', () => {
  beforeEach(async () => {
    [lab, server] = await Promise.all([SharedStoresLab.open(), startEventStoreDbServer()]);
    database = new TestDatabase();
  });
  afterEach(async () => {
    await lab.close();
    await Promise.all([server.dispose(), database.drop()]);
  });

  it('makes no subscription: the others could not sign for it', async () => {
    const { WEBHOOK_SIGNING_KEY: _, ...without } = environment();
    const instance = await lab.startReady(without);
    expect(await instance.post('/subscriptions', { url: 'https://example.com/' })).toMatchObject({
      status: 503,
      body: { code: 'signing_key_missing', detail: expect.stringMatching(/set WEBHOOK_SIGNING_KEY/) },
    });
  }, 30_000);
});
