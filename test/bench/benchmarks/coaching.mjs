import { MongoClient } from 'mongodb';
import { CommandBus } from '@nestjs/cqrs';
import { pino } from 'pino';
import { RecordMessageCommand } from '../../../dist/coaching/commands/record-message.command.js';
import { ResumeSessionCommand } from '../../../dist/coaching/commands/resume-session.command.js';
import { StartSessionCommand } from '../../../dist/coaching/commands/start-session.command.js';
import { coachingSessionsProjection } from '../../../dist/coaching/projections/coaching-sessions.projection.js';
import { ManualClock } from '../../../dist/platform/clock.js';
import { newCommandContext } from '../../../dist/platform/commands/command-context.js';
import { JobScheduler } from '../../../dist/platform/jobs/job-scheduler.js';
import { ProjectionEngine } from '../../../dist/platform/projections/projection-engine.js';
import { ReadModelStore } from '../../../dist/platform/read-models/read-model-store.port.js';
import { Service } from '../../../dist/service.js';
import {
  concurrently,
  inTurns,
  leftOut,
  milliseconds,
  ratioRow,
  showMicroseconds,
  showMilliseconds,
} from '../support/measure.mjs';
import { environmentFor } from '../support/processes.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { HOW_TO_HAVE_MONGODB, startMongoDb } from '../support/servers.mjs';

const MANY = 1_000_000;
const FEW = 10_000;
const DUE = 1_000;
const LONG = 5_000;
const SHORT = 50;
const ASKED = 200;
const ROUNDS = 7;

const TOPIC = 'core_values';
const START = Date.UTC(2025, 10, 19);
const MINUTE = 60_000;
const LATER = START + 3_650 * 86_400_000;
/** Documents that are written at a time. */
const BATCH = 5_000;

export const baselines = [
  'sweep: one run of session-auto-pause over 10,000 active sessions, of which 1,000 are due as well. The sessions that are due are real ones, resumed before each run; the others are documents of the read model only, all in the same topic. Events are in the embedded store on both sides',
  'a session of 5,000 messages: one of 50; GET of the session over the service’s routes, without a network, and the command that takes a message',
];

/** Coaching sessions: the sweep by how many there are, one session by how long it is. */
export async function run() {
  const rows = await sweeps('the sweep over 1,000,000 active sessions', embeddedStores);
  const server = await startMongoDb();
  const name = '... its read models in MongoDB';
  if (server) {
    await server.stop();
    rows.push(...(await sweeps(name, mongoStores)));
  } else rows.push(leftOut(name, HOW_TO_HAVE_MONGODB));
  return [...rows, ...(await lengths())];
}

async function sweeps(name, makeStores) {
  const [many, few] = [await Coaching.open(await makeStores()), await Coaching.open(await makeStores())];
  try {
    for (const [coaching, count] of [
      [many, MANY],
      [few, FEW],
    ]) {
      await coaching.startDue();
      await coaching.addOthers(count - DUE);
    }
    const measured = await inTurns({ subject: () => many.sweep(), baseline: () => few.sweep(), rounds: ROUNDS });
    return [ratioRow(name, measured, showMilliseconds, { most: 1.5 })];
  } finally {
    for (const coaching of [many, few]) await coaching.close();
  }
}

async function lengths() {
  const coaching = await Coaching.open(await embeddedStores());
  try {
    const [long, short] = [await coaching.sessionOf(LONG), await coaching.sessionOf(SHORT)];
    const read = (session) => () => meanTime(() => coaching.read(session));
    const reads = await inTurns({ subject: read(long), baseline: read(short), rounds: ROUNDS });
    const say = (session) => () => meanTime(() => coaching.say(session));
    const says = await inTurns({ subject: say(long), baseline: say(short), rounds: ROUNDS });
    return [
      ratioRow('reading a session of 5,000 messages', reads, showMicroseconds, { most: 2 }),
      ratioRow('... taking its next message', says, showMicroseconds, { most: 1.5 }),
    ];
  } finally {
    await coaching.close();
  }
}

async function meanTime(work) {
  const whole = await milliseconds(async () => {
    for (let i = 0; i < ASKED; i++) await work();
  });
  return whole / ASKED;
}

async function embeddedStores() {
  const directory = scratchDirectory('coaching');
  const write = async (readModels, collection, documents) =>
    (await readModels.collection({ name: collection })).putMany(documents);
  return { environment: { DATA_DIR: directory }, write, remove: () => clearScratch(directory) };
}

/** Documents go past the adapter, which would look for each of them first. */
async function mongoStores() {
  const directory = scratchDirectory('coaching');
  const { uri, stop } = await startMongoDb();
  const client = await MongoClient.connect(uri);
  const write = async (_, name, documents) => {
    const collection = client.db().collection(`dormouse.models.${name}`);
    const like = await collection.findOne({ d: { $exists: true } });
    const stored = documents.map(({ id, document }) => ({ ...like, _id: id, d: document }));
    await collection.insertMany(stored, { ordered: false });
  };
  const remove = async () => {
    await client.close();
    await stop();
    clearScratch(directory);
  };
  return { environment: { DATA_DIR: directory, MONGODB_URI: uri }, write, remove };
}

/** The service with coaching sessions, on a clock that only the benchmark moves. */
class Coaching {
  constructor(service, stores, clock) {
    Object.assign(this, { service, stores, clock });
    this.commands = service.app.get(CommandBus);
    this.projections = service.app.get(ProjectionEngine);
    this.due = [];
  }

  static async open(stores) {
    const environment = environmentFor({}, stores.environment);
    const clock = new ManualClock(START);
    const log = pino({ level: 'silent' });
    return new Coaching(await Service.start({ environment, clock, log, schedule: false }), stores, clock);
  }

  async close() {
    await this.service.stop();
    await this.stores.remove();
  }

  async start(number) {
    const owner = { tenantId: `tenant-${number}`, userId: 'ada' };
    const command = new StartSessionCommand(TOPIC, owner, newCommandContext('benchmark'));
    const { session } = await this.commands.execute(command);
    return { owner, id: session.state.session_id };
  }

  /** Real sessions, whose events are in the store. */
  async startDue() {
    const numbers = Array.from({ length: DUE }, (_, number) => number);
    await concurrently(32, numbers, async (number) => void this.due.push(await this.start(number)));
    await this.projections.caughtUp();
  }

  /** Sessions that are active and not due for years, as the read model has them. */
  async addOthers(count) {
    const readModels = this.service.app.get(ReadModelStore);
    const names = await readModels.collectionNames();
    const name = names.find((some) => some.startsWith(`${coachingSessionsProjection.name}__`));
    const view = this.projections.view(coachingSessionsProjection.name);
    const { document: like } = await view.get(this.due[0].id);
    const times = { updated_at: LATER, last_activity_at: LATER, expires_at: LATER };
    const other = (number) => {
      const session_id = `other_${String(number).padStart(8, '0')}`;
      const document = {
        ...like,
        ...times,
        session_id,
        tenant_id: `other-${number % 50_000}`,
        user_id: `user-${number}`,
      };
      return { id: session_id, document };
    };
    for (let from = 0; from < count; from += BATCH) {
      const documents = Array.from({ length: Math.min(BATCH, count - from) }, (_, n) => other(from + n));
      await this.stores.write(readModels, name, documents);
    }
  }

  /** One run, of which 1,000 sessions are due. @returns milliseconds */
  async sweep() {
    if (this.swept) await this.resumeDue();
    this.swept = true;
    this.clock.set(this.clock.now() + 31 * MINUTE);
    let record;
    const took = await milliseconds(async () => {
      record = await this.service.app.get(JobScheduler).run('session-auto-pause');
    });
    if (record.summary?.paused_sessions !== DUE) throw new Error(`The sweep: ${JSON.stringify(record)}`);
    return took;
  }

  async resumeDue() {
    await concurrently(32, this.due, ({ owner, id }) =>
      this.commands.execute(new ResumeSessionCommand(id, owner, newCommandContext('benchmark'))),
    );
    await this.projections.caughtUp();
  }

  async sessionOf(messages) {
    const session = await this.start(messages);
    for (let said = 0; said < messages; said++) await this.say(session);
    await this.projections.caughtUp();
    return session;
  }

  async say({ owner, id }) {
    const content = 'What matters most to me is care for the people who I work with.';
    await this.commands.execute(new RecordMessageCommand(id, owner, 'user', content, newCommandContext('benchmark')));
  }

  async read({ owner, id }) {
    const headers = { 'x-tenant-id': owner.tenantId, 'x-user-id': owner.userId };
    const { statusCode } = await this.service.app.inject({ url: `/coaching/sessions/${id}`, headers });
    if (statusCode !== 200) throw new Error(`The read answered ${statusCode}.`);
  }
}
