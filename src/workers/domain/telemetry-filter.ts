/**
 * What is new in a worker's telemetry, and what of it is a user's activity.
 *
 * CML answers its full history each time, in no promised order, stamped by clocks that are not ours. So "new" is never
 * "later than our last check": it is "later than what CML had shown us, less an overlap, and not counted yet".
 */
import { boundedData } from './telemetry-data.js';
import { fingerprintOf, timeOfFingerprint } from './telemetry-fingerprint.js';
import { parseTelemetryTimestamp } from './telemetry-timestamp.js';
import type { RelevanceRule, TelemetryEvent, TelemetryMemory, TelemetryReading } from './telemetry.js';

/**
 * How far behind the newest timestamp an event may still turn up and be counted, in milliseconds: one that was in flight
 * during the previous check, or stamped by a compute host whose clock is ten minutes behind, with half as much to spare.
 */
export const OVERLAP = 15 * 60_000;

/** At most so many events of the overlap are remembered, which bounds what every check stores. */
export const MAX_REMEMBERED = 5_000;

/** The one category whose events may come from the service itself or other automation. */
const USER_ACTIVITY = 'user_activity';

/** What is asked of a telemetry history. */
export interface TelemetryQuestion {
  /** Our own now, epoch ms: nothing later than this counts as later. */
  readonly now: number;
  readonly memory: TelemetryMemory;
  readonly rule: RelevanceRule;
  /** At most so many events are handed back. */
  readonly keep: number;
}

/**
 * Reads a whole answer of CML. The order of the list makes no difference.
 *
 * @throws {SyntaxError} only when the rule's pattern is not a regular expression; never because of an event
 */
export function readTelemetry(events: readonly unknown[], question: TelemetryQuestion): TelemetryReading {
  const reader = new TelemetryReader(question);
  for (const event of events) reader.add(event);
  return reader.reading();
}

/** The same, one event at a time, for answers too large to be held as a list. */
export class TelemetryReader {
  private readonly isRelevant: (category: string, data: TelemetryEvent['data']) => boolean;
  private readonly counted: ReadonlySet<string>;
  /** Later than this is new, unless counted. */
  private readonly since: number;
  /** The new events: time by fingerprint. */
  private readonly fresh = new Map<string, number>();
  private readonly newest: NewestEvents;
  private newestShown = -Infinity;
  private total = 0;
  private malformed = 0;

  /** @throws {SyntaxError} the rule's pattern is not a regular expression */
  constructor(private readonly question: TelemetryQuestion) {
    this.isRelevant = relevanceOf(question.rule);
    this.counted = new Set(question.memory.seen);
    this.since = question.memory.since ?? -Infinity;
    this.newest = new NewestEvents(question.keep);
  }

  /** Takes one element of CML's list, whatever it is. */
  add(element: unknown): void {
    this.total += 1;
    const event = asEvent(element);
    if (event === null) {
      this.malformed += 1;
      return;
    }
    // A timestamp in the future is one clock's mistake. As a watermark, even cut down to our now, it would push `since`
    // past events of a CML whose own clock is behind ours, and so hide a user.
    if (event.at <= this.question.now && event.at > this.newestShown) this.newestShown = event.at;
    if (event.at <= this.since || !this.isRelevant(event.category, event.data)) return;

    const fingerprint = fingerprintOf(event.at, event.timestamp, event.category, event.data);
    if (this.counted.has(fingerprint) || this.fresh.has(fingerprint)) return;
    this.fresh.set(fingerprint, event.at);
    this.newest.add({ at: event.at, fingerprint, category: event.category, data: event.data });
  }

  /** What the events added so far say. */
  reading(): TelemetryReading {
    let latest = -Infinity;
    for (const at of this.fresh.values()) latest = Math.max(latest, at);
    return {
      total: this.total,
      malformed: this.malformed,
      newEvents: this.newest.list(),
      newCount: this.fresh.size,
      lastActivityAt: this.fresh.size === 0 ? null : Math.min(latest, this.question.now),
      memory: this.nextMemory(),
    };
  }

  private nextMemory(): TelemetryMemory {
    const before = this.question.memory;
    const watermark = Math.max(before.watermark ?? -Infinity, this.newestShown);
    const since = Math.max(this.since, watermark - OVERLAP);
    const remembered: Remembered[] = [];
    for (const fingerprint of this.counted) remembered.push({ at: timeOfFingerprint(fingerprint), fingerprint });
    for (const [fingerprint, at] of this.fresh) remembered.push({ at, fingerprint });
    return bounded(
      watermark,
      since,
      remembered.filter(({ at }) => at > since),
    );
  }
}

interface Remembered {
  readonly at: number;
  readonly fingerprint: string;
}

interface NewEvent extends Remembered {
  readonly category: string;
  readonly data: TelemetryEvent['data'];
}

/** An element of CML's list that can be read, its time in epoch ms beside its own text of it. */
interface ShownEvent {
  readonly at: number;
  readonly timestamp: string;
  readonly category: string;
  readonly data: TelemetryEvent['data'];
}

const NO_DATA: TelemetryEvent['data'] = {};

/** The element as an event; null when it is malformed. */
function asEvent(element: unknown): ShownEvent | null {
  if (!isJsonObject(element)) return null;
  const { timestamp, category, data } = element;
  if (typeof category !== 'string' || category === '' || typeof timestamp !== 'string') return null;
  const at = parseTelemetryTimestamp(timestamp);
  return Number.isNaN(at) ? null : { at, timestamp, category, data: membersOf(data) };
}

/** Data as an object, whatever it is: an event is not thrown away for it, or a worker in use might be stopped. */
function membersOf(data: unknown): TelemetryEvent['data'] {
  if (data === null || data === undefined) return NO_DATA;
  return isJsonObject(data) ? data : { value: data };
}

function isJsonObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether an event is a user's. In doubt it is: a doubt must never stop a worker in use. */
function relevanceOf(rule: RelevanceRule): (category: string, data: TelemetryEvent['data']) => boolean {
  const categories = new Set(rule.categories);
  const excludedIds = new Set(rule.excludedUserIds);
  // Sticky at 0 asks the pattern from the start of the id on, as the source's `re.match` does.
  const excluded = new RegExp(rule.excludedUserPattern, 'y');
  const isExcluded = (userId: string): boolean => {
    excluded.lastIndex = 0;
    return excluded.test(userId) || excludedIds.has(userId);
  };
  // Nearly all of a history is one automated account's: its id is asked once, not thousands of times.
  let last = { userId: '', excluded: false };
  return (category, data) => {
    if (!categories.has(category)) return false;
    if (category !== USER_ACTIVITY) return true;
    const userId = data['user_id'];
    if (typeof userId !== 'string' || userId === '') return true;
    if (userId !== last.userId) last = { userId, excluded: isExcluded(userId) };
    return !last.excluded;
  };
}

/**
 * The memory, with at most {@link MAX_REMEMBERED} fingerprints. When there are more, the oldest are forgotten and
 * `since` is raised to the newest forgotten one: what is forgotten is old from then on, so nothing is counted twice.
 * But never beyond the watermark, or a burst of events from the future would make all real activity old. Of more than
 * {@link MAX_REMEMBERED} events from the future some are counted again at the next check, which keeps a worker running.
 */
function bounded(watermark: number, since: number, remembered: Remembered[]): TelemetryMemory {
  remembered.sort(oldestFirst);
  const surplus = remembered.length - MAX_REMEMBERED;
  const newestForgotten = remembered[surplus - 1];
  const raised = newestForgotten === undefined ? since : Math.max(since, Math.min(newestForgotten.at, watermark));
  return {
    watermark: Number.isFinite(watermark) ? watermark : null,
    since: Number.isFinite(raised) ? raised : null,
    seen: remembered
      .filter(({ at }) => at > raised)
      .slice(0, MAX_REMEMBERED)
      .map(({ fingerprint }) => fingerprint),
  };
}

/** By time; within one millisecond by fingerprint, so that the order of CML's list makes no difference. */
function oldestFirst(a: Remembered, b: Remembered): number {
  return a.at - b.at || (a.fingerprint < b.fingerprint ? -1 : 1);
}

/** The newest events of any number, held in bounded space. */
class NewestEvents {
  private held: NewEvent[] = [];
  private readonly slack: number;

  constructor(private readonly keep: number) {
    this.slack = 2 * keep + 256;
  }

  add(event: NewEvent): void {
    this.held.push(event);
    if (this.held.length > this.slack) this.held = this.cut();
  }

  /** Newest first. */
  list(): TelemetryEvent[] {
    return this.cut().map(({ at, category, data }) => ({
      timestamp: new Date(at).toISOString(),
      category,
      data: boundedData(data),
    }));
  }

  private cut(): NewEvent[] {
    return this.held.sort((a, b) => oldestFirst(b, a)).slice(0, Math.max(0, this.keep));
  }
}
