import { randomUUID } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { DORMOUSE_NAMESPACE } from '../../../dist/platform/commands/command-context.js';
import { cmlTimestamp } from '../../../dist/simulated-lab/telemetry-log.js';
import { SeededRandom } from '../../../dist/simulated-lab/seeded-random.js';
import { recordActivity } from '../../../dist/workers/domain/activity-check.js';
import { CMLWorker } from '../../../dist/workers/domain/cml-worker.js';
import { registerWorker } from '../../../dist/workers/domain/cml-worker.decisions.js';
import { observeStatus } from '../../../dist/workers/domain/cml-worker.observation.js';
import { readTelemetry } from '../../../dist/workers/domain/telemetry-filter.js';

const MINUTE = 60_000;
const BETWEEN_CHECKS = 30 * MINUTE;
const START = Date.UTC(2025, 10, 19, 8);
const REGION = 'eu-west-1';

export const IDLE_SETTINGS = { idleTimeoutMinutes: 60, snoozeMinutes: 60, autoPauseEnabled: false };

const RULE = {
  categories: ['start_lab', 'stop_lab', 'start_node', 'stop_node', 'queue_node', 'boot_node', 'user_activity'],
  excludedUserPattern: '^00000000-0000-.*',
};

/** @param {number} index */
export function instanceId(index) {
  return `i-${index.toString(16).padStart(17, '0')}`;
}

/** The worker's id, which is also that of its stream. @param {number} index */
export function workerId(index) {
  return uuidv5(`${REGION}/${instanceId(index)}`, DORMOUSE_NAMESPACE);
}

/** @param {number} index */
export function streamOf(index) {
  return `${CMLWorker.category}-${workerId(index)}`;
}

/** The event that begins a worker's stream. @param {number} index */
export function registration(index) {
  const [event] = registerWorker(CMLWorker.initialState, {
    workerId: workerId(index),
    awsRegion: REGION,
    awsInstanceId: instanceId(index),
    name: `cml-worker-${index}`,
    cmlEndpoint: `https://cml-${index}.example.com`,
    idleTimeoutMinutes: null,
    status: 'running',
    by: 'benchmark',
    at: START,
  });
  return event;
}

/**
 * The life of one worker as the domain itself writes it: registered, checked again and again while somebody works with
 * it, and stopped at the end, so that a service which starts with it has nothing to check.
 *
 * @param {number} index
 * @param {number} length How many events, from 2.
 */
export function lifeOf(index, length) {
  const random = new SeededRandom(`worker ${index}`);
  const events = [registration(index)];
  let state = CMLWorker.evolve(CMLWorker.initialState, events[0]);
  for (let check = 1; check <= length - 2; check++) {
    const [event] = checked(state, START + check * BETWEEN_CHECKS, random);
    state = CMLWorker.evolve(state, event);
    events.push(event);
  }
  const at = START + length * BETWEEN_CHECKS;
  const seen = { launchTime: null, status: 'stopped', powerChanges: state.power_changes, at };
  return [...events, ...observeStatus(state, seen, IDLE_SETTINGS)];
}

/**
 * The decision of one check, in which CML showed up to three things that a user did.
 *
 * @param {import('../../../dist/workers/domain/cml-worker.js').CMLWorkerState} state
 * @param {number} at Epoch ms.
 * @param {SeededRandom} random
 */
export function checked(state, at, random) {
  const shown = Array.from({ length: random.integer(0, 3) }, () =>
    userEvent(at - random.integer(0, 29) * MINUTE, random),
  );
  const question = { now: at, memory: state.telemetry_memory, rule: RULE, keep: 10 };
  return recordActivity(state, readTelemetry(shown, question), {
    at,
    nextCheckAt: at + BETWEEN_CHECKS,
    keepEvents: 10,
    clockSkewMs: 0,
    settings: IDLE_SETTINGS,
  });
}

/** Something a person did, as CML tells it. @param {number} at Epoch ms. @param {SeededRandom} random */
export function userEvent(at, random) {
  const category = random.pick(['user_activity', 'start_node', 'stop_node', 'start_lab']);
  const data = category === 'user_activity' ? { user_id: random.uuid() } : { lab_id: random.uuid() };
  return { category, timestamp: cmlTimestamp(at, random), data };
}

/**
 * A domain event as it goes to the store, with the metadata that commands give it.
 *
 * @param {{ type: string, data: object }} event
 * @param {string} id UUID.
 */
export function newEvent({ type, data }, id) {
  return {
    id,
    type,
    data,
    metadata: {
      $correlationId: id,
      $causationId: id,
      time: new Date(START).toISOString(),
      actor: 'benchmark',
      command_id: id,
      schema_version: 1,
    },
  };
}

/**
 * Writes the lives of so many workers, interleaved as they would come: a few checks of one, then of the next.
 *
 * @param {import('../../../dist/platform/event-store/event-store.port.js').EventStore} events
 * @param {number} workers
 * @param {number} eventsEach
 */
export async function writeLives(events, workers, eventsEach) {
  const lives = Array.from({ length: workers }, (_, index) => ({
    stream: streamOf(index),
    life: lifeOf(index, eventsEach),
  }));
  const atOnce = 5;
  for (let from = 0; from < eventsEach; from += atOnce) {
    const expected = from === 0 ? 'no_stream' : from - 1;
    await Promise.all(
      lives.map(({ stream, life }) => {
        const some = life.slice(from, from + atOnce).map((event) => newEvent(event, randomUUID()));
        return events.append(stream, some, expected);
      }),
    );
  }
}
