import { setTimeout as sleep } from 'node:timers/promises';
import { HttpDoor } from '../cli/http-door.js';
import { Refused, ServiceApi, ServiceUnreachable } from '../cli/service-api.js';
import { messageOf } from '../platform/errors.js';
import type { LabAnnouncement } from './lab-announcement.js';

/** Both are started at the same time as this program, and may have images to load and stores to wait for. */
const WAIT_SECONDS = 120;
const LOOK_AGAIN_MS = 250;

export interface RegisterOptions {
  /** The lab's own surface is below it, at `/_lab`. */
  readonly labUrl: string;
  readonly serviceUrl: string;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** One line for a person. */
  readonly tell: (line: string) => void;
}

/**
 * Imports every worker that a simulated lab announces into a service, once both answer. A worker that is registered
 * already stays as it is, so that the program can be run again.
 *
 * @returns how many workers are new to the service
 * @throws {Refused} the service refuses a worker for another reason @throws the signal's reason
 */
export async function registerLab({ labUrl, serviceUrl, signal, tell }: RegisterOptions): Promise<number> {
  const door = new HttpDoor(serviceUrl, signal);
  try {
    const lab = await until(signal, () => announcementOf(labUrl, signal), `the simulated lab at ${labUrl}`, tell);
    await until(signal, () => readinessOf(door), `the service at ${serviceUrl}`, tell);
    const api = new ServiceApi(door, 'simulated-lab');
    let added = 0;
    for (const worker of lab.workers) {
      const isNew = await importWorker(api, lab.region, worker);
      tell(`${worker.name} (${worker.aws_instance_id}) ${isNew ? 'is registered' : 'was registered already'}.`);
      if (isNew) added++;
    }
    return added;
  } finally {
    await door.close();
  }
}

/** @returns whether it is new to the service */
async function importWorker(
  api: ServiceApi,
  region: string,
  { aws_instance_id, name, cml_endpoint }: LabAnnouncement['workers'][number],
): Promise<boolean> {
  try {
    await api.post(`/region/${region}/workers/import`, { aws_instance_id, name, cml_endpoint });
    return true;
  } catch (error) {
    if (error instanceof Refused && error.code === 'worker_already_registered') return false;
    throw error;
  }
}

/** What is asked for, or a word on what is missing yet. */
type Answer<T> = { readonly found: T } | { readonly missing: string };

async function until<T>(
  signal: AbortSignal,
  ask: () => Promise<Answer<T>>,
  what: string,
  tell: (line: string) => void,
): Promise<T> {
  for (let told = ''; ;) {
    const answer = await ask();
    if ('found' in answer) return answer.found;
    if (answer.missing !== told) tell(`Waiting for ${what}: ${answer.missing}`);
    told = answer.missing;
    await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function announcementOf(labUrl: string, signal: AbortSignal): Promise<Answer<LabAnnouncement>> {
  try {
    const response = await fetch(`${labUrl.replace(/\/$/, '')}/_lab`, { signal });
    const announced = (await response.json()) as Partial<LabAnnouncement>;
    if (announced.simulated === true) return { found: announced as LabAnnouncement };
    return { missing: 'what answers there is no simulated lab.' };
  } catch (error) {
    signal.throwIfAborted();
    return { missing: messageOf(error) };
  }
}

async function readinessOf(door: HttpDoor): Promise<Answer<true>> {
  try {
    const { status, body } = await door.send({ method: 'GET', path: '/health/ready', headers: {} });
    return status === 200 ? { found: true } : { missing: reasonsIn(body) };
  } catch (error) {
    if (error instanceof ServiceUnreachable) return { missing: error.message };
    throw error;
  }
}

/** The health report says why it is not ready. */
function reasonsIn(body: string): string {
  try {
    const { reasons } = JSON.parse(body) as { reasons?: unknown };
    return Array.isArray(reasons) ? reasons.join(' ') : 'it is not ready.';
  } catch {
    return 'what answers there is not this service.';
  }
}

/**
 * The program: `LAB_URL` (default http://127.0.0.1:8801) and `DORMOUSE_URL` (default http://127.0.0.1:3000) say where
 * the two are. Exit code 0 when all workers of the lab are registered, 1 otherwise.
 */
async function main({ LAB_URL, DORMOUSE_URL }: NodeJS.ProcessEnv): Promise<void> {
  const limit = AbortSignal.timeout(WAIT_SECONDS * 1_000);
  try {
    const added = await registerLab({
      labUrl: LAB_URL || 'http://127.0.0.1:8801',
      serviceUrl: DORMOUSE_URL || 'http://127.0.0.1:3000',
      signal: limit,
      tell: (line) => console.log(line),
    });
    console.log(`The simulated lab is registered, ${added} of its workers for the first time.`);
  } catch (error) {
    console.error(limit.aborted ? `Gave up after ${WAIT_SECONDS} s.` : `The registration failed: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(process.env);
