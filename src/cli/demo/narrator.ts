import type { Narration } from '../../simulated-lab/narration.js';
import type { CMLWorkerEvent, RecordedIdleDecision } from '../../workers/domain/cml-worker.events.js';
import type { CheckErrorDto } from '../../workers/http/workers.answers.js';
import { thresholdSource } from '../subcommands/workers.text.js';
import { amount, duration, minutes, timeOfDay } from '../text.js';

/** One thing that happened, for a person. */
export interface Told {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Name of the worker, or of the person. */
  readonly who: string;
  readonly text: string;
  /** Lines that belong to it. */
  readonly more?: readonly string[];
  readonly tone: 'auto_pause' | 'session_pause' | 'pause' | 'resume' | 'decision' | 'doubt' | 'lab';
}

/** An event of the service's history, of one worker of the lab. */
export type TimedEvent = CMLWorkerEvent & { readonly at: string };

/** Pause between two lines about what the users of one worker do, ms: they are busy all the time. */
const USERS_EVERY_MS = 30_000;

/**
 * Turns what the service wrote, and what the lab says of itself, into lines. It leaves out what has not changed: at most
 * a line for a worker when its decision becomes another one.
 */
export class Narrator {
  private readonly decisions = new Map<string, string>();
  private readonly telemetryRead = new Map<string, number>();
  private readonly doubts = new Set<string>();
  private readonly usersToldAt = new Map<string, number>();

  /** @param snoozeMs how long a resumed worker is left alone */
  constructor(private readonly snoozeMs: number) {}

  /** What an event of the history says, or null when it is nothing new. */
  event(worker: string, event: TimedEvent): Told | null {
    const { at } = event;
    switch (event.type) {
      case 'WorkerActivityUpdated':
        return this.checked(worker, event);
      case 'WorkerPaused':
        this.decisions.delete(worker);
        return paused(worker, event, this.telemetryRead.get(worker));
      case 'WorkerPauseAbandoned':
        return { at, who: worker, tone: 'decision', text: `the pause is called off: ${inWords(event.data.reason)}` };
      case 'WorkerResumed':
        this.decisions.delete(worker);
        return this.resumed(worker, event);
      case 'WorkerStatusChanged':
        return {
          at,
          who: worker,
          tone: 'lab',
          text: `EC2 says ${event.data.status}, it was ${event.data.previous_status}`,
        };
      case 'WorkerIdleDetectionToggled':
        return {
          at,
          who: worker,
          tone: 'decision',
          text: `idle detection is ${event.data.is_idle_detection_enabled ? 'on' : 'off'} now, by ${event.data.changed_by}`,
        };
      case 'WorkerPolicyChanged': {
        const { idle_timeout_minutes: own, changed_by } = event.data;
        const text =
          own === null ? 'the global idle timeout holds again' : `its own idle timeout is ${minutes(own)} now`;
        return { at, who: worker, tone: 'decision', text: `${text}, by ${changed_by}` };
      }
      case 'WorkerRegistered':
      case 'WorkerPauseRequested':
      case 'WorkerResumeRequested':
      case 'WorkerResumeAbandoned':
      case 'WorkerDeregistered':
        return null;
    }
  }

  /** What a check that failed says; each kind of failure once for a worker. */
  checkFailed(worker: string, { at, failure, message }: CheckErrorDto): Told | null {
    const kind = `${worker} ${failure}`;
    if (this.doubts.has(kind)) return null;
    this.doubts.add(kind);
    return {
      at,
      who: worker,
      tone: 'doubt',
      text: `telemetry unavailable (${inWords(failure)}): a doubt never pauses`,
      more: [message],
    };
  }

  /** What the lab says of itself: its users now and then, the console always. */
  lab({ at, kind, worker, text }: Narration): Told | null {
    if (kind === 'instance' || kind === 'cml') return null;
    if (kind === 'user' && !this.isWorthTelling(worker, text, Date.parse(at))) return null;
    return { at, who: worker, tone: 'lab', text: `(lab) ${text}` };
  }

  private isWorthTelling(worker: string, text: string, at: number): boolean {
    const before = this.usersToldAt.get(worker) ?? -Infinity;
    if (at - before < USERS_EVERY_MS && !text.includes('leaves')) return false;
    this.usersToldAt.set(worker, at);
    return true;
  }

  private checked(worker: string, { data }: Extract<TimedEvent, { type: 'WorkerActivityUpdated' }>): Told | null {
    const { decision, checked_at: at, telemetry_event_count } = data;
    this.telemetryRead.set(worker, telemetry_event_count);
    const key = `${decision.reason} ${decision.not_acted_because}`;
    if (this.decisions.get(worker) === key) return null;
    this.decisions.set(worker, key);
    const newest = data.recent_activity_events[0];
    return { at, who: worker, tone: 'decision', text: decisionText(decision, at, newest) };
  }

  private resumed(worker: string, { at, data }: Extract<TimedEvent, { type: 'WorkerResumed' }>): Told {
    const until = timeOfDay(new Date(Date.parse(data.resumed_at) + this.snoozeMs).toISOString());
    const text =
      data.reason === 'external'
        ? 'RESUMED from outside: somebody started it, not we'
        : `RESUMED by ${data.resumed_by}`;
    const more = [`snooze: no auto-pause before ${until} (${duration(this.snoozeMs)} after a resume)`];
    return { at, who: worker, tone: 'resume', text, more };
  }
}

type NewestActivity = { readonly timestamp: string; readonly category: string } | undefined;

function decisionText(decision: RecordedIdleDecision, at: string, newest: NewestActivity): string {
  const due = timeOfDay(decision.target_pause_at);
  const left = duration(Math.max(0, Date.parse(decision.target_pause_at) - Date.parse(at)));
  switch (decision.reason) {
    case 'recent_activity':
      return activityText(decision, at, newest);
    case 'not_idle_yet':
      return `not idle yet, will be paused at ${due} (in ${left}) unless somebody uses it`;
    case 'in_snooze_period':
      return `idle, but snoozing after its resume: will be paused at ${due} (in ${left}) unless somebody uses it`;
    case 'idle_timeout_exceeded':
      return decision.not_acted_because === null
        ? `idle for ${minutes(decision.idle_duration_minutes)}: a pause is due`
        : `idle for ${minutes(decision.idle_duration_minutes)}, but not paused: ${inWords(decision.not_acted_because)}`;
  }
}

/** The first check of a worker meets its whole history: what is new to the service may be old. */
function activityText({ idle_threshold_minutes }: RecordedIdleDecision, at: string, newest: NewestActivity): string {
  if (!newest) return 'in use: new activity';
  const age = Date.parse(at) - Date.parse(newest.timestamp);
  if (age <= idle_threshold_minutes * 60_000) return `in use: ${newest.category} at ${timeOfDay(newest.timestamp)}`;
  return `new to us: ${newest.category} ${duration(age)} ago; a check that finds something new never pauses`;
}

function paused(
  worker: string,
  { at, data }: Extract<TimedEvent, { type: 'WorkerPaused' }>,
  telemetryRead: number | undefined,
): Told {
  const counts = `${data.auto_pause_count} automatic, ${data.manual_pause_count} manual, ${data.external_pause_count} from outside`;
  const counted = `pauses of it so far: ${counts}`;
  if (data.reason === 'external') {
    return {
      at,
      who: worker,
      tone: 'pause',
      text: 'PAUSED from outside: somebody stopped it, not we',
      more: [counted],
    };
  }
  if (data.reason === 'manual') {
    return { at, who: worker, tone: 'pause', text: `PAUSED by ${data.paused_by}`, more: [counted] };
  }
  const { evidence } = data;
  const last = evidence.last_activity_event;
  const activity = last ? `${last.timestamp} (${last.category} in its telemetry)` : 'none ever, says its telemetry';
  const read = telemetryRead === undefined ? '' : `, ${amount(telemetryRead, 'event')} read`;
  return {
    at,
    who: worker,
    tone: 'auto_pause',
    text: `PAUSED by ${data.paused_by}: ${data.reason}`,
    more: [
      `idle for ${minutes(data.idle_duration_minutes ?? 0)}; the timeout is ${minutes(evidence.idle_threshold_minutes)} (${thresholdSource(evidence.idle_threshold_source)})`,
      `last activity: ${activity}`,
      `idle since ${timeOfDay(evidence.idle_since)} (${evidence.idle_since_source}), telemetry checked at ${timeOfDay(evidence.checked_at ?? at)}${read}`,
      counted,
    ],
  };
}

/** A code of the service's as words. */
function inWords(code: string): string {
  return code.replaceAll('_', ' ');
}
