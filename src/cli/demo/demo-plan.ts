import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PlatformSettings } from '../../platform/config/platform-settings.js';
import { loadSettings } from '../../platform/config/settings.js';
import { DataDirectory } from '../../platform/data-directory/data-directory.js';
import type { LabAnnouncement } from '../../simulated-lab/lab-announcement.js';
import { CliError } from '../service-api.js';
import { COACHED } from './demo-coaching.js';

/** The service's settings in the demo: what takes an hour in reality takes seconds. */
export const DEMO_SETTINGS = {
  WORKER_IDLE_TIMEOUT_MINUTES: '0.25',
  // A little more than the lab's users need between two actions, so that who is there is seen by each check.
  WORKER_ACTIVITY_DETECTION_INTERVAL: '5',
  WORKER_STATUS_SYNC_INTERVAL: '4',
  WORKER_AUTO_PAUSE_SNOOZE_MINUTES: '0.5',
  WORKER_AUTO_PAUSE_ENABLED: 'true',
  CML_REQUEST_TIMEOUT_MS: '3000',
  COACHING_AUTO_PAUSE_INTERVAL: '3',
  COACHING_ALLOW_SHORT_TIMEOUTS: 'true',
} as const;

/** What the page says above all else. */
const NOTICE = 'Simulated lab: these workers, their telemetry and EC2 exist only in this program.';

/** What the demo's topics file says. */
export const DEMO_TOPIC = { topic_id: COACHED.topic, inactivity_timeout_minutes: 0.2 } as const;

const TOPICS_FILE = 'topics.json';

/** Left in a data directory that the demo wrote to, so that an invented history is never taken for a real one. */
const MARK = 'SIMULATED-LAB.txt';
const MARK_TEXT = "The history in this directory was made by 'dormouse demo': its workers and people do not exist.\n";

/** Where the demo runs. */
export interface DemoPlan {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The default port that was taken; null when the plan has what was asked for. */
  readonly takenPort: number | null;
  /** Absolute. */
  readonly dataDirectory: string;
  /** Made for this demo, and removed at its end. */
  readonly temporary: boolean;
  /** Stores that the environment names, for people; what is written to them stays. */
  readonly sharedStores: readonly string[];
}

/**
 * Chooses port and data directory from PORT, HOST and DATA_DIR, which are honoured when set.
 *
 * @throws {CliError} port_taken, data_directory_in_use, not_a_demo_directory @throws {SettingsError}
 */
export async function planDemo(environment: NodeJS.ProcessEnv): Promise<DemoPlan> {
  const settings = loadSettings(PlatformSettings, environment);
  const { HOST: host, PORT, DATA_DIR } = settings;
  const free = await isFree(PORT, host);
  if (!free && isSet(environment, 'PORT')) {
    throw new CliError('port_taken', `Port ${PORT} of ${host} is taken. Name another one (PORT), or none at all.`);
  }
  const temporary = !isSet(environment, 'DATA_DIR');
  const dataDirectory = temporary ? await mkdtemp(join(tmpdir(), 'dormouse-demo-')) : await claimable(DATA_DIR);
  await writeFile(join(dataDirectory, MARK), MARK_TEXT);
  await writeFile(join(dataDirectory, TOPICS_FILE), `${JSON.stringify({ topics: [DEMO_TOPIC] }, null, 2)}\n`);
  const sharedStores = [
    ...(settings.EVENTSTORE_CONNECTION_STRING === null ? [] : ['events in EventStoreDB']),
    ...(settings.MONGODB_URI === null ? [] : ['read models in MongoDB']),
  ];
  return { host, port: free ? PORT : 0, takenPort: free ? null : PORT, dataDirectory, temporary, sharedStores };
}

/** Removes what the demo made for itself. */
export async function tidyUp({ temporary, dataDirectory }: DemoPlan): Promise<void> {
  if (temporary) await rm(dataDirectory, { recursive: true, force: true });
}

/**
 * The ordinary service's environment in the demo. Of the person's own one, nothing that leads to real machines stays;
 * stores that it names are used (see demo-history.ts).
 */
export function serviceEnvironment(
  environment: NodeJS.ProcessEnv,
  plan: DemoPlan,
  lab: LabAnnouncement,
): NodeJS.ProcessEnv {
  const foreign = /^(AWS_|CML_|WORKER_|COACHING_|DORMOUSE_)/;
  return {
    ...Object.fromEntries(Object.entries(environment).filter(([name]) => !foreign.test(name))),
    ...DEMO_SETTINGS,
    AWS_ENDPOINT_URL_EC2: lab.ec2_endpoint,
    AWS_REGION: lab.region,
    AWS_ACCESS_KEY_ID: 'simulated',
    AWS_SECRET_ACCESS_KEY: 'simulated',
    AWS_EC2_METADATA_DISABLED: 'true',
    CML_USERNAME: lab.username,
    CML_PASSWORD: lab.password,
    SERVICE_NOTICE: NOTICE,
    COACHING_TOPICS_FILE: join(plan.dataDirectory, TOPICS_FILE),
    DATA_DIR: plan.dataDirectory,
    HOST: plan.host,
    PORT: String(plan.port),
  };
}

async function claimable(path: string): Promise<string> {
  const directory = resolve(path);
  const holder = existsSync(directory) ? DataDirectory.holder(directory) : undefined;
  if (holder) {
    throw new CliError('data_directory_in_use', `The data directory ${directory} is in use by process ${holder.pid}.`);
  }
  if (existsSync(join(directory, 'events.sqlite')) && !existsSync(join(directory, MARK))) {
    throw new CliError(
      'not_a_demo_directory',
      `The data directory ${directory} holds a history that no demo made. The demo would mix invented workers into ` +
        'it: name another directory (DATA_DIR), or none at all.',
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return directory;
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((listening, failed) => {
      server.once('error', failed).listen(port, host, listening);
    });
    await new Promise((closed) => server.close(closed));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

function isSet(environment: NodeJS.ProcessEnv, name: string): boolean {
  return (environment[name] ?? '').trim() !== '';
}
