import type { SeededRandom } from './seeded-random.js';
import type { TelemetryLog } from './telemetry-log.js';

/** A person who uses a worker. */
export interface LabUser {
  readonly name: string;
  readonly userId: string;
}

/** What CML's own automation signs its activity with; never a person. */
export const AUTOMATION_USER_ID = '00000000-0000-4000-a000-000000000000';

const MINUTE = 60_000;
const NOISE_EVERY = 8 * MINUTE;
const SESSION_EVERY = 150 * MINUTE;
const AT_BOOT = ['dmiinfo', 'cpuinfo', 'meminfo', 'blkinfo', 'hypervisor', 'license_info', 'aaa_info'];
const NODES = ['r1', 'r2', 'sw1', 'sw2', 'fw1', 'host1'];

/** What CML writes down by itself, whether somebody is there or not. */
export function addNoise(log: TelemetryLog, at: number, random: SeededRandom): void {
  log.add(at, 'system_stats', {
    cpu_percent: random.integer(1, 60),
    memory_percent: random.integer(20, 80),
    disk_percent: random.integer(10, 60),
  });
  log.add(at + random.integer(0, 900), 'running_nodes', { count: random.integer(0, NODES.length) });
  log.add(at + random.integer(0, 900), 'user_activity', { user_id: AUTOMATION_USER_ID });
}

/** Something a person does now. @returns what it was, for people */
export function addUse(log: TelemetryLog, at: number, user: LabUser, random: SeededRandom): string {
  const node = random.pick(NODES);
  const [category, text] = random.pick([
    ['user_activity', `${user.name} works in the browser`],
    ['user_activity', `${user.name} works in the browser`],
    ['start_node', `${user.name} starts node ${node}`],
    ['stop_node', `${user.name} stops node ${node}`],
    ['export_lab', `${user.name} exports a lab`],
  ] as const);
  const about = category === 'user_activity' ? {} : { lab_id: random.uuid(), node_label: node };
  log.add(at, category, { user_id: user.userId, ...about });
  return text;
}

export interface HistorySpan {
  /** When the machine booted. Epoch ms. */
  readonly from: number;
  /** Epoch ms. */
  readonly to: number;
  /** When it was last used, epoch ms; null: nobody ever used it. */
  readonly usedUntil: number | null;
}

/** Days of a worker's life before the lab starts: some hundred events, mostly automated, the same for the same seed. */
export function addHistory(log: TelemetryLog, span: HistorySpan, user: LabUser, random: SeededRandom): void {
  for (const category of AT_BOOT) log.add(span.from, category, {});
  for (let at = span.from + NOISE_EVERY; at < span.to; at += NOISE_EVERY) addNoise(log, at, random);
  if (span.usedUntil !== null) {
    for (let end = span.usedUntil; end > span.from + SESSION_EVERY; end -= SESSION_EVERY) {
      addSession(log, end, user, random);
    }
  }
  log.shuffle();
}

/** Half an hour of somebody's work, its last sign at `end`. */
function addSession(log: TelemetryLog, end: number, user: LabUser, random: SeededRandom): void {
  const lab_id = random.uuid();
  const nodes = NODES.slice(0, random.integer(2, NODES.length));
  const steps = [
    ['user_activity', { user_id: user.userId }],
    ['import_lab', { lab_id }],
    ['start_lab', { lab_id }],
    ...nodes.flatMap((node_label) =>
      ['queue_node', 'boot_node', 'start_node'].map((category) => [category, { lab_id, node_label }] as const),
    ),
    ['user_activity', { user_id: user.userId }],
    ['stop_node', { lab_id, node_label: nodes[0] }],
    ['wipe_node', { lab_id, node_label: nodes[0] }],
    ['stop_lab', { lab_id }],
    ['user_activity', { user_id: user.userId }],
  ] as const;
  const pace = (30 * MINUTE) / (steps.length - 1);
  steps.forEach(([category, data], index) => {
    log.add(end - Math.round((steps.length - 1 - index) * pace), category, data);
  });
}
