import type { SeededRandom } from './seeded-random.js';

/** A telemetry event as CML answers it. */
export interface CmlTelemetryEvent {
  readonly category: string;
  /** UTC without a zone, 0 to 9 fraction digits. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Older events are forgotten beyond so many; CML does not say how long it keeps them. */
const KEPT_EVENTS = 5000;

/** CML's telemetry history: all of it, each time, in no promised order. */
export class TelemetryLog {
  private events: CmlTelemetryEvent[] = [];

  constructor(private readonly random: SeededRandom) {}

  /** @param at epoch ms */
  add(at: number, category: string, data: CmlTelemetryEvent['data']): void {
    this.events.push({ category, timestamp: cmlTimestamp(at, this.random), data });
    if (this.events.length > KEPT_EVENTS) this.events = this.events.slice(-KEPT_EVENTS);
  }

  all(): readonly CmlTelemetryEvent[] {
    return this.events;
  }

  /** Mixes up what is there so far. */
  shuffle(): void {
    this.events = this.events
      .map((event) => ({ event, order: this.random.next() }))
      .sort((a, b) => a.order - b.order)
      .map(({ event }) => event);
  }
}

/** An instant the way CML writes it: no zone although it means UTC, and 0, 3, 6 or 9 (rarely others) fraction digits. */
export function cmlTimestamp(at: number, random: SeededRandom): string {
  const [seconds = '', fraction = ''] = new Date(at).toISOString().replace('Z', '').split('.');
  const digits = random.next() < 0.8 ? random.pick([0, 3, 6, 9]) : random.integer(0, 9);
  if (digits === 0) return seconds;
  const nanoseconds = `${fraction}${random.integer(0, 999_999).toString().padStart(6, '0')}`;
  return `${seconds}.${nanoseconds.slice(0, digits)}`;
}
