/**
 * What must hold between the service's history and what EC2 did, however often the process was killed. Pure: given the
 * events and EC2's own log, each function says what is wrong, in words; nothing wrong is an empty list.
 */
import type { PowerCall } from './ec2-log.js';
import { moved } from './ec2-log.js';
import { nameOf } from './history.js';
import type { Power } from './power-model.js';
import { follow, OutOfPlace } from './power-model.js';
import type { StoredEvent } from './service-api.js';

/** A worker's stream, with what EC2 did to its instance. Both oldest first. */
export interface WorkerRecord {
  readonly name: string;
  readonly events: readonly StoredEvent[];
  readonly calls: readonly PowerCall[];
  /** What EC2 says of the instance now. */
  readonly ec2State?: string;
}

/** Revisions are dense from 0, positions rise, no id is there twice. */
export function historyIsWhole(events: readonly StoredEvent[]): string[] {
  const wrong: string[] = [];
  const next = new Map<string, number>();
  const ids = new Set<string>();
  let position = -1;
  for (const event of events) {
    const revision = next.get(event.stream) ?? 0;
    if (event.revision !== revision) wrong.push(`${nameOf(event)} should have revision ${revision}`);
    if (event.position <= position) wrong.push(`${nameOf(event)} follows position ${position}`);
    if (ids.has(event.id)) wrong.push(`${nameOf(event)}: its id ${event.id} is there twice`);
    next.set(event.stream, event.revision + 1);
    position = event.position;
    ids.add(event.id);
  }
  return wrong;
}

/**
 * The pauses and resumes of a worker follow each other as they may, nothing came from outside, the counters count.
 * @param settled no intent may be left open
 */
export function powerMakesSense({ name, events }: WorkerRecord, settled: boolean): string[] {
  const wrong: string[] = [];
  let power: Power = { kind: 'absent' };
  const counted = new Map<string, number>();
  for (const event of events) {
    try {
      power = follow(power, event);
    } catch (error) {
      if (!(error instanceof OutOfPlace)) throw error;
      return [...wrong, `${name}: ${nameOf(event)}: ${error.message}, it was ${power.kind}`];
    }
    if (event.type === 'WorkerRegistered') counted.clear();
    wrong.push(...countersOf(event, counted).map((why) => `${name}: ${nameOf(event)}: ${why}`));
  }
  if (settled && (power.kind === 'pausing' || power.kind === 'resuming')) {
    wrong.push(`${name}: its last intent (${power.kind}) was neither finished nor abandoned`);
  }
  return wrong;
}

/** Adds the event to the counts of pauses and resumes by reason, and compares with the counts that it carries. */
function countersOf({ type, data }: StoredEvent, counted: Map<string, number>): string[] {
  const verb = type === 'WorkerPaused' ? 'pause' : type === 'WorkerResumed' ? 'resume' : undefined;
  if (verb === undefined) return [];
  const kind = data['reason'] === 'idle_timeout' ? 'auto' : String(data['reason']);
  const counter = `${kind}_${verb}_count`;
  counted.set(counter, (counted.get(counter) ?? 0) + 1);
  return ['auto', 'manual', 'external'].flatMap((each) => {
    const field = `${each}_${verb}_count`;
    const expected = counted.get(field) ?? 0;
    return data[field] === expected ? [] : [`${field} is ${String(data[field])} instead of ${expected}`];
  });
}

/** An instance going down or up, once as EC2 did it or once as the service recorded it. */
interface Step {
  readonly direction: 'down' | 'up';
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

/**
 * What EC2 did to the instance and what the stream says agree one to one, in order, and each fact was recorded between
 * its intent and now. The history must have been read before the log: then the log may only be ahead.
 *
 * @param settled nothing is under way: the log may not be ahead either
 */
export function factsAgreeWithEc2({ name, events, calls, ec2State }: WorkerRecord, settled: boolean): string[] {
  const recorded = recordedSteps(events);
  const done = calls.filter(moved).map(doneStep);
  const wrong = calls
    .filter((call) => call.states !== null && !moved(call))
    .map((call) => `${name}: ${call.action} was sent to an instance that was ${call.states?.previous} already`);
  for (const [index, fact] of recorded.entries()) {
    const deed = done[index];
    if (!deed) wrong.push(`${name}: ${fact.what} has no counterpart at EC2`);
    else if (deed.direction !== fact.direction)
      return [...wrong, `${name}: ${fact.what} stands where EC2 did ${deed.what}`];
    else if (deed.to < fact.from || deed.from > fact.to) {
      wrong.push(`${name}: ${fact.what} was not recorded around ${deed.what}`);
    }
  }
  if (settled) {
    for (const deed of done.slice(recorded.length)) wrong.push(`${name}: ${deed.what} at EC2 has no event`);
    wrong.push(...endsAsEc2Says(name, recorded, ec2State));
  }
  return wrong;
}

function endsAsEc2Says(name: string, recorded: readonly Step[], ec2State: string | undefined): string[] {
  const down = recorded.at(-1)?.direction === 'down';
  if (ec2State === undefined || down === (ec2State === 'stopped' || ec2State === 'stopping')) return [];
  return [`${name}: is ${down ? 'paused' : 'up'} by its events, and ${ec2State} by EC2`];
}

/**
 * An auto-pause that was intended by a process and not carried out by it is decided afresh by the next one: nothing is
 * stopped on what was known before the restart.
 *
 * @param starts when the processes of the service were started, epoch ms
 * @param isAnothers where there are several: whether the call came from another process than the one that ended then
 */
export function autoPausesAreFresh(
  { name, events, calls }: WorkerRecord,
  starts: readonly number[],
  isAnothers: (call: PowerCall, start: number) => boolean = () => true,
): string[] {
  const done = calls.filter(moved);
  return recordedSteps(events).flatMap(({ auto, from: asked, what }, index) => {
    const call = done[index];
    if (!auto || !call) return [];
    const restarted = starts.some((start) => asked < start && start < call.arrivedAt && isAnothers(call, start));
    return restarted ? [`${name}: ${what} was stopped for the intent of an earlier process`] : [];
  });
}

/** Each `WorkerPaused` and `WorkerResumed`, from its intent to itself. */
function recordedSteps(events: readonly StoredEvent[]): (Step & { readonly auto: boolean })[] {
  const asked = new Map<unknown, number>();
  return events.flatMap((event) => {
    const { type, data } = event;
    const at = Date.parse(event.recorded_at);
    const id = data['pause_id'] ?? data['resume_id'];
    if (type === 'WorkerPauseRequested' || type === 'WorkerResumeRequested') asked.set(id, at);
    if (type !== 'WorkerPaused' && type !== 'WorkerResumed') return [];
    const direction = type === 'WorkerPaused' ? 'down' : 'up';
    const auto = data['reason'] === 'idle_timeout';
    return [{ direction, from: asked.get(id) ?? at, to: at, what: nameOf(event), auto } as const];
  });
}

function doneStep(call: PowerCall): Step {
  return {
    direction: call.action === 'StopInstances' ? 'down' : 'up',
    from: call.arrivedAt,
    to: call.doneAt,
    what: `${call.action} of ${new Date(call.doneAt).toISOString()}`,
  };
}

/** What a projection's verification answered. */
export interface Verification {
  readonly equal: boolean;
  readonly documents: number;
  readonly differences: readonly { readonly id: string }[];
}

export function projectionIsItsFold(name: string, { equal, differences }: Verification): string[] {
  if (equal) return [];
  const ids = differences.map(({ id }) => id).join(', ');
  return [`projection ${name} differs from a fold of all events in ${differences.length} documents: ${ids}`];
}
