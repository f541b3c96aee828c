import { pino } from 'pino';
import { Agent } from 'undici';
import { CommandBus } from '@nestjs/cqrs';
import { newCommandContext } from '../../../dist/platform/commands/command-context.js';
import { JobScheduler } from '../../../dist/platform/jobs/job-scheduler.js';
import { createLogger } from '../../../dist/platform/observability/logger.js';
import { ProjectionEngine } from '../../../dist/platform/projections/projection-engine.js';
import { Service } from '../../../dist/service.js';
import { ImportWorkerCommand } from '../../../dist/workers/commands/import-worker.command.js';
import { concurrently, inTurns, perSecond, ratioRow } from '../support/measure.mjs';
import { ACCOUNT, environmentFor, REGION, startLab } from '../support/processes.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { instanceId } from '../support/worker-histories.mjs';

const WORKERS = 1_000;
const TELEMETRY_EVENTS = 3_136;
/** WORKER_DETECTION_CONCURRENCY's default. */
const CONCURRENCY = 5;
const ROUNDS = 3;

export const baselines = [
  'detection run: undici, logged in, fetching the same 1,000 answers 5 at a time from the same CML process and JSON.parse of each. Before each run a user does three more things on the server',
];

/** One run of activity-detection over many workers, against fetching and parsing their telemetry. */
export async function run() {
  const directory = scratchDirectory('detection');
  const lab = await startLab({ telemetryEvents: TELEMETRY_EVENTS, instances: WORKERS });
  const log = await createLogger('info', false, pino.destination({ dest: '/dev/null', sync: true }));
  const environment = environmentFor(lab, { DATA_DIR: directory });
  // The AWS SDK reads its settings from the process itself.
  Object.assign(process.env, environment);
  const service = await Service.start({ environment, log, schedule: false });
  const fetcher = await Fetcher.logIn(lab.cmlUrl);
  await importWorkers(service, lab.cmlUrl);
  const measured = await inTurns({
    subject: async () => {
      await lab.use(3);
      return perSecond(WORKERS, () => detect(service));
    },
    baseline: () => perSecond(WORKERS, () => concurrently(CONCURRENCY, Array(WORKERS).fill(0), () => fetcher.read())),
    rounds: ROUNDS,
  });
  await fetcher.close();
  await service.stop();
  await lab.stop();
  clearScratch(directory);
  const show = (value) => `${Math.round(value)} workers/s`;
  return [ratioRow('detection run, 1,000 workers of 3,136 events', measured, show, { least: 0.7 })];
}

async function importWorkers(service, cmlEndpoint) {
  const commands = service.app.get(CommandBus);
  const indexes = Array.from({ length: WORKERS }, (_, index) => index);
  await concurrently(8, indexes, (index) =>
    commands.execute(
      new ImportWorkerCommand(REGION, instanceId(index), { cmlEndpoint }, newCommandContext('benchmark')),
    ),
  );
  await service.app.get(ProjectionEngine).caughtUp();
}

async function detect(service) {
  const { outcome, summary } = await service.app.get(JobScheduler).run('activity-detection');
  if (outcome !== 'succeeded' || summary.checked !== WORKERS) {
    throw new Error(`The run ${outcome}: ${JSON.stringify(summary)}`);
  }
}

/** Reads telemetry as plainly as can be. */
class Fetcher {
  static async logIn(origin) {
    const fetcher = new Fetcher(origin);
    fetcher.token = JSON.parse(await fetcher.ask('POST', '/api/v0/authenticate', JSON.stringify(ACCOUNT)));
    return fetcher;
  }

  constructor(origin) {
    this.origin = origin;
    this.agent = new Agent();
  }

  async read() {
    const events = JSON.parse(await this.ask('GET', '/api/v0/telemetry/events'));
    if (events.length < TELEMETRY_EVENTS) throw new Error('CML told too little.');
  }

  async ask(method, path, body = null) {
    const { origin, token } = this;
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await this.agent.request({ origin, path, method, headers, body });
    return response.body.text();
  }

  close() {
    return this.agent.close();
  }
}
