import type { Position } from '../../platform/event-store/event-store.port.js';
import { LONGEST_RETRY_AFTER_MS } from '../domain/retry-policy.js';

/** An event on its way to one receiver. */
export interface OutgoingEvent {
  readonly id: string;
  readonly position: Position;
  /** What keeps its order: the events of one aggregate are delivered one after another. */
  readonly aggregate: string;
  /** When it was decided, epoch ms. */
  readonly time: number;
  readonly body: string;
}

/** An event that was tried and not accepted yet. Times are epoch ms. */
export interface FailingEvent {
  readonly event_id: string;
  readonly attempts: number;
  readonly failing_since: number;
  readonly next_attempt_at: number;
}

/** How far a subscription is; what a window begins with, and what is kept of it. */
export interface WindowState {
  /** Everything up to here was accepted, or not selected; null: nothing was. */
  readonly position: Position | null;
  /** Positions beyond it that were accepted as well. */
  readonly accepted: readonly Position[];
  readonly failing: readonly FailingEvent[];
}

/** One of the aggregates that are delivered at the moment, with its event. */
export interface Lane {
  readonly event: OutgoingEvent;
  /** Attempts that failed. */
  readonly attempts: number;
  readonly failingSince: number | null;
  /** When it is due, epoch ms. */
  readonly dueAt: number;
  readonly isBeingSent: boolean;
}

export interface WindowLimits {
  /** Aggregates that are delivered at the same time. */
  readonly lanes: number;
  /** Events between the oldest that was not accepted and the newest that was read, at most. */
  readonly events: number;
  /** Characters of bodies that are kept, about. */
  readonly size: number;
}

export const DEFAULT_WINDOW: WindowLimits = { lanes: 8, events: 256, size: 512 * 1024 };

interface Entry {
  readonly position: Position;
  accepted: boolean;
}

/**
 * Decides what is sent to one receiver and when; sends nothing itself, and has no clock.
 *
 * Events come in as they are read. The oldest of each aggregate may take a lane and keeps it until it is accepted, however
 * long that takes: so the order per aggregate holds, an event that fails is in the way of its own aggregate only, and a
 * receiver that accepts nothing gets as many requests as there are lanes, each with its own back-off.
 */
export class DeliveryWindow {
  private readTo: Position | null;
  private settledTo: Position | null;
  /** What was read and not passed by `settledTo`, in order. */
  private readonly entries: Entry[] = [];
  /** What has no lane yet, in order. */
  private readonly waiting: OutgoingEvent[] = [];
  private readonly lanes = new Map<string, Lane>();
  private readonly restored: Map<string, FailingEvent>;
  private readonly acceptedBefore: Set<Position>;
  private size = 0;

  constructor(
    { position, accepted, failing }: WindowState,
    private readonly limits: WindowLimits = DEFAULT_WINDOW,
  ) {
    this.readTo = position;
    this.settledTo = position;
    this.acceptedBefore = new Set(accepted);
    this.restored = new Map(failing.map((event) => [event.event_id, event]));
  }

  /** Where to read on; exclusive. */
  get position(): Position | null {
    return this.readTo;
  }

  /** How many more events may be read; 0 when the window is full. */
  get room(): number {
    return this.size >= this.limits.size ? 0 : Math.max(0, this.limits.events - this.entries.length);
  }

  /** Nothing is in it that was not accepted. */
  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** When the oldest event was decided that was read and not accepted; undefined: there is none. */
  get oldestTime(): number | undefined {
    const times = [...this.waiting, ...[...this.lanes.values()].map(({ event }) => event)].map(({ time }) => time);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Since when the event has failed that has failed for longest; null: none fails. */
  get failingSince(): number | null {
    const since = this.failing().map(({ failing_since }) => failing_since);
    return since.length === 0 ? null : Math.min(...since);
  }

  /** @param readTo everything up to here was read @param events those of it that are selected, in order */
  add(events: readonly OutgoingEvent[], readTo: Position | null): void {
    for (const event of events) {
      const accepted = this.acceptedBefore.delete(event.position);
      this.entries.push({ position: event.position, accepted });
      if (accepted) continue;
      this.waiting.push(event);
      this.size += event.body.length;
    }
    this.readTo = readTo;
    this.settle();
  }

  /** The next event to send now; it counts as being sent until it is {@link accepted}, {@link failed} or {@link returned}. */
  take(now: number): Lane | undefined {
    this.fillLanes(now);
    let next: Lane | undefined;
    for (const lane of this.lanes.values()) {
      if (lane.isBeingSent || !isDue(lane, now)) continue;
      if (
        !next ||
        lane.dueAt < next.dueAt ||
        (lane.dueAt === next.dueAt && lane.event.position < next.event.position)
      ) {
        next = lane;
      }
    }
    return next && this.put({ ...next, isBeingSent: true });
  }

  /** When the next lane is due that is not being sent; undefined: none waits. */
  nextDueAt(): number | undefined {
    const due = [...this.lanes.values()].filter(({ isBeingSent }) => !isBeingSent).map(({ dueAt }) => dueAt);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  accepted({ event }: Lane): void {
    this.lanes.delete(event.aggregate);
    this.size -= event.body.length;
    const entry = this.entries.find(({ position }) => position === event.position);
    if (entry) entry.accepted = true;
    this.settle();
  }

  failed(
    { event, attempts, failingSince }: Lane,
    { at, retryAt }: { readonly at: number; readonly retryAt: number },
  ): void {
    this.put({
      event,
      attempts: attempts + 1,
      failingSince: failingSince ?? at,
      dueAt: retryAt,
      isBeingSent: false,
    });
  }

  /** It was not sent after all, or nobody knows what became of it: it is due as before. */
  returned(lane: Lane): void {
    this.put({ ...lane, isBeingSent: false });
  }

  /** What to keep of it. */
  state(): WindowState {
    const accepted = this.entries.filter((entry) => entry.accepted).map(({ position }) => position);
    // What was accepted before and not read again since.
    return { position: this.settledTo, accepted: [...accepted, ...this.acceptedBefore], failing: this.failing() };
  }

  private failing(): FailingEvent[] {
    const inLanes = [...this.lanes.values()].flatMap(({ event, attempts, failingSince, dueAt }) =>
      failingSince === null
        ? []
        : [{ event_id: event.id, attempts, failing_since: failingSince, next_attempt_at: dueAt }],
    );
    return [...inLanes, ...this.restored.values()];
  }

  private fillLanes(now: number): void {
    for (let i = 0; i < this.waiting.length && this.lanes.size < this.limits.lanes;) {
      const event = this.waiting[i];
      if (!event || this.lanes.has(event.aggregate)) {
        i++;
        continue;
      }
      this.waiting.splice(i, 1);
      const before = this.restored.get(event.id);
      this.restored.delete(event.id);
      this.put({
        event,
        attempts: before?.attempts ?? 0,
        failingSince: before?.failing_since ?? null,
        dueAt: before?.next_attempt_at ?? now,
        isBeingSent: false,
      });
    }
  }

  private put(lane: Lane): Lane {
    this.lanes.set(lane.event.aggregate, lane);
    return lane;
  }

  /** Moves on over what was accepted, up to the first event that was not. */
  private settle(): void {
    while (this.entries[0]?.accepted) this.settledTo = this.entries.shift()?.position ?? this.settledTo;
    if (this.entries.length === 0) this.settledTo = this.readTo;
  }
}

/** What is due later than any wait is long was put off by a clock that has gone back since. */
function isDue({ dueAt }: Lane, now: number): boolean {
  return dueAt <= now || dueAt > now + LONGEST_RETRY_AFTER_MS;
}
