import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { EventStoreUnavailable } from '../../src/platform/event-store/event-store.errors.js';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { CoachingLab } from '../support/coaching-lab.js';
import { startEventStoreDbServer } from '../support/eventstoredb-server/eventstoredb-server.js';
import { describeWithMongo, TestDatabase } from '../support/mongodb.js';
import { NOON } from '../support/service-harness.js';

const iso = (minutes: number): string => new Date(NOON + minutes * 60_000).toISOString();
const SWEPT = (paused_sessions: number) => ({ outcome: 'succeeded', summary: { paused_sessions } });

type Settings = Readonly<Record<string, string>>;

/** What the service keeps its events and read models in, for one test. */
interface Stores {
  readonly settings: Settings;
  readonly remove: () => Promise<void>;
}

async function eventStoreDbAndMongoDb(): Promise<Stores> {
  const [events, database] = [await startEventStoreDbServer(), new TestDatabase()];
  const remove = async () => {
    await events.dispose();
    await database.drop();
  };
  return { settings: { EVENTSTORE_CONNECTION_STRING: events.connectionString, MONGODB_URI: database.uri }, remove };
}

const embedded = (): Promise<Stores> => Promise.resolve({ settings: {}, remove: () => Promise.resolve() });

// On shared stores each step is a round trip.
jest.setTimeout(60_000);

/** The present test's. */
let stores: Stores | undefined;
const closing: (() => Promise<void>)[] = [];
const directories: string[] = [];

/** So that all that was opened is closed, the service before its stores. */
async function openOn(makeStores: () => Promise<Stores>, environment: Settings = {}): Promise<CoachingLab> {
  stores = await makeStores();
  const { settings, remove } = stores;
  closing.unshift(remove);
  const lab = await CoachingLab.open({ ...settings, ...environment });
  closing.unshift(() => lab.close());
  await untilReady(lab);
  return lab;
}

const untilReady = (lab: CoachingLab): Promise<void> =>
  lab.service.until('ready', async () => (await lab.service.request('GET', '/health/ready')).status === 200);

async function topicsFile(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dormouse-topics-'));
  directories.push(directory);
  const file = join(directory, 'topics.yaml');
  await writeFile(file, text);
  return file;
}

/** So many sessions, each of its own tenant. @returns their ids */
function sessions(lab: CoachingLab, count: number, topic = 'core_values'): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => lab.person('ada', lab.newTenant()).begin(topic)));
}

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await Promise.all(directories.splice(0).map((directory) => rm(directory, { recursive: true, force: true })));
});

function describeSweeps(makeStores: () => Promise<Stores>, many: { stale: number; fresh: number }): void {
  const open = (environment: Settings = {}) => openOn(makeStores, environment);

  describe('The job session-auto-pause', () => {
    it('pauses a session that is 45 minutes old, and tells why', async () => {
      const lab = await open();
      const [id = ''] = await sessions(lab, 1);
      lab.pass(45);
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
      expect(await lab.dataOf(id, 'SessionAutoPaused')).toEqual([
        {
          topic_id: 'core_values',
          user_id: 'ada',
          inactive_minutes: 45,
          timeout_minutes: 30,
          timeout_source: 'topic',
          last_update_at: iso(0),
          inactivity_clock: 'updated_at',
          paused_at: iso(45),
        },
      ]);
    });

    it('does not move updated_at: that is from before the pause', async () => {
      const lab = await open();
      const ada = lab.person('ada');
      const id = await ada.begin();
      lab.pass(45);
      await lab.sweep();
      expect(await ada.session(id)).toMatchObject({ status: 'paused', updated_at: iso(0), last_activity_at: iso(0) });
    });

    it('does not pause at exactly 30:00, but a millisecond later', async () => {
      const lab = await open();
      await sessions(lab, 1);
      lab.pass(30);
      expect(await lab.sweep()).toMatchObject(SWEPT(0));
      lab.service.clock.advance(1);
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
    });

    it('unblocks the topic, and a second sweep right after pauses nothing', async () => {
      const lab = await open();
      await lab.person('ada').begin();
      lab.pass(31);
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
      expect(await lab.sweep()).toMatchObject(SWEPT(0));
      expect(await lab.person('bob').start()).toMatchObject({ status: 201 });
    });

    it('leaves alone what was paused, has ended, or was used in time', async () => {
      const lab = await open();
      const [ada, bob, cyd] = ['1', '2', '3'].map((tenant) => lab.person('ada', tenant));
      await ada?.post(await ada.begin(), 'pause');
      await bob?.post(await bob.begin(), 'complete');
      const used = (await cyd?.begin()) ?? '';
      lab.pass(20);
      await cyd?.say(used);
      lab.pass(20);
      expect(await lab.sweep()).toMatchObject(SWEPT(0));
    });

    it('gives a resumed session its whole timeout again', async () => {
      const lab = await open();
      const ada = lab.person('ada');
      const id = await ada.begin();
      lab.pass(31);
      await lab.sweep();
      await ada.post(id, 'resume');
      lab.pass(30);
      expect(await lab.sweep()).toMatchObject(SWEPT(0));
      lab.pass(1);
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
    });

    it('goes by each topic’s own timeout, and by 30 minutes for a topic that is gone', async () => {
      const text =
        '- {topic_id: quick, name: Quick, inactivity_timeout_minutes: 5}\n- {topic_id: slow, name: Slow, inactivity_timeout_minutes: 1440}';
      const file = await topicsFile(text);
      const lab = await open({ COACHING_TOPICS_FILE: file });
      const [quick = ''] = await sessions(lab, 1, 'quick');
      const [slow = ''] = await sessions(lab, 1, 'slow');
      lab.pass(6);
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
      expect(await lab.eventTypes(quick)).toContain('SessionAutoPaused');
      lab.pass(40);
      expect(await lab.sweep()).toMatchObject(SWEPT(0));
      await lab.service.restartService(stores?.settings);
      await untilReady(lab);
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
      expect(await lab.dataOf(slow, 'SessionAutoPaused')).toMatchObject([
        { timeout_minutes: 30, timeout_source: 'default', inactive_minutes: 46 },
      ]);
    });

    it('finds the sessions of all topics that are gone, wherever their names stand among the others', async () => {
      const gone = ['Alpha', 'core_valuer', 'core_values2', 'core_values3', 'quo-vadis', 'zeta'];
      const file = await topicsFile(gone.map((id) => `- {topic_id: ${id}, name: ${id}}`).join('\n'));
      const lab = await open({ COACHING_TOPICS_FILE: file });
      for (const topic of [...gone, 'purpose']) await sessions(lab, 2, topic);
      await lab.service.restartService(stores?.settings);
      await untilReady(lab);
      lab.pass(31);
      expect(await lab.sweep()).toMatchObject(SWEPT(2 * gone.length + 2));
    });

    it('counts from last_activity_at where the setting says so: the assistant’s messages do not count', async () => {
      for (const [clock, paused] of [
        ['updated_at', 0],
        ['last_activity_at', 1],
      ] as const) {
        const lab = await open({ COACHING_INACTIVITY_CLOCK: clock });
        const ada = lab.person('ada');
        const id = await ada.begin();
        lab.pass(25);
        await ada.say(id, 'Are you there?', 'assistant');
        lab.pass(10);
        expect(await lab.sweep()).toMatchObject(SWEPT(paused));
      }
    });

    it(`of any number of sessions pauses the stale ones: ${many.stale} of ${many.stale + many.fresh}`, async () => {
      const lab = await open();
      await sessions(lab, many.stale);
      lab.pass(20);
      await sessions(lab, many.fresh, 'purpose');
      lab.pass(11);
      expect(await lab.sweep()).toMatchObject(SWEPT(many.stale));
    });

    it('twice at once pauses each session once', async () => {
      const lab = await open();
      const ids = await sessions(lab, 40);
      lab.pass(31);
      const runs = await Promise.all([lab.sweep(), lab.sweep()]);
      const paused = runs.map(({ summary }) => (summary as { paused_sessions: number }).paused_sessions);
      expect(paused[0]! + paused[1]!).toBe(40);
      for (const id of ids) expect(await lab.dataOf(id, 'SessionAutoPaused')).toHaveLength(1);
    });

    it('races a message: it is never lost, and a session that it comes to in time stays active', async () => {
      const lab = await open();
      const ada = lab.person('ada');
      for (let round = 0; round < 10; round++) {
        const id = await ada.begin();
        lab.pass(31);
        const [, answer] = await Promise.all([lab.sweep(), ada.say(id)]);
        expect(answer.status).toBe(201);
        expect(await ada.session(id)).toMatchObject({ status: 'active', message_count: 1 });
        await ada.post(id, 'cancel');
      }
    });

    it('does not mind a session that is completed between the proposal and the decision', async () => {
      const lab = await open();
      const ada = lab.person('ada');
      const id = await ada.begin();
      lab.pass(31);
      await Promise.all([lab.sweep(), ada.post(id, 'complete')]);
      expect(await lab.sweep()).toMatchObject(SWEPT(0));
    });

    it('in which the store fails is a failed run, and the next one does what is left', async () => {
      const lab = await open();
      await sessions(lab, 60);
      lab.pass(31);
      const store = lab.app.get(EventStore);
      const append = store.append.bind(store);
      let left = 25;
      store.append = (...given) =>
        left-- > 0 ? append(...given) : Promise.reject(new EventStoreUnavailable('Told to fail.'));
      expect(await lab.sweep()).toMatchObject({
        outcome: 'failed',
        summary: null,
        error: { code: 'event_store_unavailable' },
      });
      store.append = append;
      expect(await lab.sweep()).toMatchObject(SWEPT(35));
    });

    it('is not stopped by a defect that meets one session: all others are paused, and the run has failed', async () => {
      const lab = await open();
      const [bad = ''] = await sessions(lab, 3);
      const others = await sessions(lab, 2, 'purpose');
      lab.pass(31);
      const store = lab.app.get(EventStore);
      const append = store.append.bind(store);
      store.append = (...given) =>
        given[0].endsWith(bad) ? Promise.reject(new TypeError('A defect.')) : append(...given);
      expect(await lab.sweep()).toMatchObject({ outcome: 'failed', summary: null });
      for (const id of others) expect(await lab.eventTypes(id)).toContain('SessionAutoPaused');
      store.append = append;
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
    });

    it('is not stopped by one session that fails: that is counted, and tried again by the next run', async () => {
      const lab = await open();
      const [, bad = ''] = await sessions(lab, 3);
      lab.pass(31);
      const store = lab.app.get(EventStore);
      const append = store.append.bind(store);
      // An append of nothing is refused for good, by any store.
      store.append = (stream, events, expected) => append(stream, stream.endsWith(bad) ? [] : events, expected);
      const run = await lab.sweep();
      expect(run).toMatchObject({ outcome: 'succeeded', summary: { paused_sessions: 2, failed_sessions: 1 } });
      store.append = append;
      expect(await lab.sweep()).toMatchObject(SWEPT(1));
    });
  });

  describe('The job session-expiry', () => {
    it('ends what is open past its expires_at, and nothing else', async () => {
      const lab = await open();
      const [ada, bob] = [lab.person('ada'), lab.person('bob')];
      const id = await ada.begin();
      await ada.post(id, 'pause');
      const other = await bob.begin();
      lab.pass(14 * 24 * 60);
      expect(await lab.sweep('session-expiry')).toMatchObject({ summary: { expired_sessions: 0, failed_sessions: 0 } });
      lab.service.clock.advance(1);
      expect(await lab.sweep('session-expiry')).toMatchObject({ summary: { expired_sessions: 2 } });
      expect(await lab.sweep('session-expiry')).toMatchObject({ summary: { expired_sessions: 0 } });
      expect(await lab.dataOf(id, 'SessionAbandoned')).toMatchObject([{ reason: 'expired', abandoned_by: 'system' }]);
      expect(await bob.session(other)).toMatchObject({ status: 'abandoned' });
    });
  });
}

describe('On the embedded stores', () => {
  describeSweeps(embedded, { stale: 1_200, fresh: 1_800 });
});

describeWithMongo('On EventStoreDB and MongoDB', () => {
  describeSweeps(eventStoreDbAndMongoDb, { stale: 120, fresh: 180 });
});
