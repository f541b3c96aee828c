import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DeliveryWindow } from './delivery-window.js';
import type { Lane, OutgoingEvent, WindowState } from './delivery-window.js';

const START: WindowState = { position: null, accepted: [], failing: [] };
const NOW = 1_000_000;

/** @param aggregate a letter for each event, in order; positions are 10, 20, 30, ... */
function eventsOf(aggregates: string): OutgoingEvent[] {
  return [...aggregates].map((aggregate, index) => ({
    id: `event-${index}`,
    position: (index + 1) * 10,
    aggregate,
    time: NOW - 1_000 + index,
    body: `{"n":${index}}`,
  }));
}

function windowOf(aggregates: string, state = START): DeliveryWindow {
  const window = new DeliveryWindow(state);
  const events = eventsOf(aggregates);
  window.add(events, events.at(-1)?.position ?? null);
  return window;
}

function takeAll(window: DeliveryWindow, now = NOW): Lane[] {
  const taken: Lane[] = [];
  for (let lane = window.take(now); lane; lane = window.take(now)) taken.push(lane);
  return taken;
}

const idsOf = (lanes: readonly Lane[]): string[] => lanes.map(({ event }) => event.id);

function laneOf(lanes: readonly Lane[], id: string): Lane {
  const lane = lanes.find(({ event }) => event.id === id);
  if (!lane) throw new Error(`${id} was not taken.`);
  return lane;
}

describe('A window', () => {
  it('gives out the oldest event of each aggregate, and the next one when that was accepted', () => {
    const window = windowOf('aabac');
    const lanes = takeAll(window);
    expect(idsOf(lanes)).toEqual(['event-0', 'event-2', 'event-4']);
    window.accepted(laneOf(lanes, 'event-0'));
    expect(idsOf(takeAll(window))).toEqual(['event-1']);
  });

  it('has eight aggregates on the way at most', () => {
    const window = windowOf('abcdefghij');
    const lanes = takeAll(window);
    expect(lanes).toHaveLength(8);
    window.accepted(laneOf(lanes, 'event-3'));
    expect(idsOf(takeAll(window))).toEqual(['event-8']);
  });

  it('moves its position on to the first event that was not accepted', () => {
    const window = windowOf('abcd');
    const lanes = takeAll(window);
    window.accepted(laneOf(lanes, 'event-1'));
    window.accepted(laneOf(lanes, 'event-2'));
    expect(window.state()).toEqual({ position: null, accepted: [20, 30], failing: [] });
    window.accepted(laneOf(lanes, 'event-0'));
    expect(window.state()).toEqual({ position: 30, accepted: [], failing: [] });
    window.accepted(laneOf(lanes, 'event-3'));
    window.add([], 99);
    expect(window.state()).toEqual({ position: 99, accepted: [], failing: [] });
  });

  it('keeps an event that failed until it is due; its aggregate waits, the others do not', () => {
    const window = windowOf('aab');
    const lanes = takeAll(window);
    window.failed(laneOf(lanes, 'event-0'), { at: NOW, retryAt: NOW + 500 });
    window.accepted(laneOf(lanes, 'event-2'));
    expect(takeAll(window, NOW + 499)).toEqual([]);
    expect(window.nextDueAt()).toBe(NOW + 500);
    expect(takeAll(window, NOW + 500)).toMatchObject([{ event: { id: 'event-0' }, attempts: 1, failingSince: NOW }]);
    expect(window.state().failing).toEqual([
      { event_id: 'event-0', attempts: 1, failing_since: NOW, next_attempt_at: NOW + 500 },
    ]);
  });

  it('that is begun again from what was kept sends what was not accepted, with the attempts and waits it had', () => {
    const before = windowOf('abab');
    const lanes = takeAll(before);
    before.failed(laneOf(lanes, 'event-0'), { at: NOW, retryAt: NOW + 2_000 });
    before.accepted(laneOf(lanes, 'event-1'));
    const after = windowOf('abab', before.state());
    expect(after.state().failing).toEqual(before.state().failing);
    expect(idsOf(takeAll(after))).toEqual(['event-3']);
    expect(takeAll(after, NOW + 2_000)).toMatchObject([{ event: { id: 'event-0' }, attempts: 1, failingSince: NOW }]);
  });

  it('does not wait for a time that lies further ahead than any wait: the clock has gone back', () => {
    const window = windowOf('a');
    window.failed(laneOf(takeAll(window), 'event-0'), { at: NOW, retryAt: NOW + 1_000 });
    expect(takeAll(window, NOW - 2 * 3_600_000)).toHaveLength(1);
  });

  it('that is full reads nothing more: by its events, or by their size', () => {
    const byCount = new DeliveryWindow(START, { lanes: 8, events: 3, size: 1_000 });
    byCount.add(eventsOf('aa'), 20);
    expect(byCount.room).toBe(1);
    byCount.add(eventsOf('aaa').slice(2), 30);
    expect(byCount.room).toBe(0);
    const bySize = new DeliveryWindow(START, { lanes: 8, events: 100, size: 10 });
    bySize.add(eventsOf('ab'), 20);
    expect(bySize.room).toBe(0);
    bySize.accepted(laneOf(takeAll(bySize), 'event-0'));
    expect(bySize.room).toBeGreaterThan(0);
  });

  it('knows the oldest that is on the way', () => {
    const window = windowOf('ab');
    expect(window.oldestTime).toBe(NOW - 1_000);
    window.accepted(laneOf(takeAll(window), 'event-0'));
    expect(window.oldestTime).toBe(NOW - 999);
    expect(windowOf('').oldestTime).toBeUndefined();
  });
});

describe('Whatever the receiver answers, and however often the service is begun anew', () => {
  /** What happens to one of the events on the way. */
  const step = fc.record({
    what: fc.constantFrom('accepted', 'accepted', 'failed', 'returned', 'restart', 'crash', 'time'),
    which: fc.nat(),
  });

  it('each event is accepted once, its aggregate’s in order, and nothing that was not is passed over', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'), { minLength: 1, maxLength: 40 }),
        fc.array(step, { maxLength: 120 }),
        fc.integer({ min: 1, max: 6 }),
        (aggregates, steps, pageSize) => {
          const events = eventsOf(aggregates.join(''));
          const world = new World(events, pageSize);
          for (const { what, which } of steps) world.step(what, which);
          for (let n = 0; n < 3 * events.length && !world.isDone; n++) world.step('accepted', 0);
          expect(world.isDone).toBe(true);
          world.check();
        },
      ),
    );
  });
});

/** A store, a receiver that notes what it accepts, and a window between them that may be replaced at any time. */
class World {
  private readonly accepted: OutgoingEvent[] = [];
  private window: DeliveryWindow;
  private onTheWay: Lane[] = [];
  private kept: WindowState = START;
  private now = NOW;
  private repeatsAllowed = 0;

  constructor(
    private readonly events: readonly OutgoingEvent[],
    private readonly pageSize: number,
  ) {
    this.window = this.open();
  }

  get isDone(): boolean {
    return this.window.isEmpty && this.window.position === this.events.at(-1)?.position;
  }

  step(what: string, which: number): void {
    this.readOn();
    this.onTheWay.push(...takeAll(this.window, this.now));
    expect(new Set(this.onTheWay.map(({ event }) => event.aggregate)).size).toBe(this.onTheWay.length);
    expect(this.onTheWay.length).toBeLessThanOrEqual(4);
    if (what === 'time' || this.onTheWay.length === 0) this.now += 5_000;
    if (what === 'restart' || what === 'crash') return this.replace(what);
    const [lane] = this.onTheWay.splice(which % Math.max(1, this.onTheWay.length), 1);
    if (!lane || what === 'time') return void (lane && this.onTheWay.push(lane));
    if (what === 'accepted') this.accept(lane);
    else if (what === 'failed') this.window.failed(lane, { at: this.now, retryAt: this.now + 1_000 });
    else this.window.returned(lane);
    this.checkPosition();
  }

  check(): void {
    for (const aggregate of new Set(this.events.map((event) => event.aggregate))) {
      const first = [...new Set(this.accepted.filter((event) => event.aggregate === aggregate).map(({ id }) => id))];
      expect(first).toEqual(this.events.filter((event) => event.aggregate === aggregate).map(({ id }) => id));
    }
    expect(this.accepted.length - new Set(this.accepted).size).toBeLessThanOrEqual(this.repeatsAllowed);
  }

  private accept(lane: Lane): void {
    this.window.accepted(lane);
    this.accepted.push(lane.event);
  }

  /** In order: everything is kept. By a crash: what was kept some time ago, so what came since may be repeated. */
  private replace(how: 'restart' | 'crash'): void {
    if (how === 'restart') this.kept = this.window.state();
    else this.repeatsAllowed = Infinity;
    this.window = this.open();
    this.onTheWay = [];
  }

  private open(): DeliveryWindow {
    return new DeliveryWindow(this.kept, { lanes: 4, events: 12, size: 1_000 });
  }

  private readOn(): void {
    const from = this.window.position ?? 0;
    const page = this.events
      .filter(({ position }) => position > from)
      .slice(0, Math.min(this.pageSize, this.window.room));
    const last = page.at(-1);
    if (last) this.window.add(page, last.position);
  }

  private checkPosition(): void {
    const { position, accepted } = this.window.state();
    const done = new Set(this.accepted.map((event) => event.position));
    const claimed = this.events
      .map((event) => event.position)
      .filter((p) => p <= (position ?? 0) || accepted.includes(p));
    expect(claimed.filter((p) => !done.has(p))).toEqual([]);
  }
}
