import { expect } from '@jest/globals';
import type { Aggregate, Decision } from '../../src/platform/commands/aggregate.js';
import { isRefusal } from '../../src/platform/commands/aggregate.js';
import type { DomainEvent } from '../../src/platform/event-store/event-codec.js';

/**
 * Specifies an aggregate's decisions by examples:
 *
 * ```ts
 * const { given } = specify(CMLWorker);
 * given(registered(), paused()).when((state) => requestPause(state, request)).thenNothing();
 * ```
 */
export function specify<S, E extends DomainEvent>(aggregate: Aggregate<S, E>): Specification<S, E> {
  return {
    given: (...history) => {
      const state = history.reduce<S>((folded, event) => aggregate.evolve(folded, event), aggregate.initialState);
      return new Given(aggregate, state);
    },
  };
}

export interface Specification<S, E extends DomainEvent> {
  /** The history, oldest first. */
  readonly given: (...history: readonly E[]) => Given<S, E>;
}

export class Given<S, E extends DomainEvent> {
  constructor(
    private readonly aggregate: Aggregate<S, E>,
    /** What the history made of it. */
    readonly state: S,
  ) {}

  when(decide: (state: S) => Decision<E>): Outcome<S, E> {
    return new Outcome(this.aggregate, this.state, decide(this.state));
  }
}

/** What a decision came to. Every `then` fails the test when it was another. */
export class Outcome<S, E extends DomainEvent> {
  constructor(
    private readonly aggregate: Aggregate<S, E>,
    private readonly before: S,
    private readonly decision: Decision<E>,
  ) {}

  /** The events that were decided. Fails when there was a refusal. */
  get events(): readonly E[] {
    if (isRefusal(this.decision)) throw new Error(`Refused: ${this.decision.refused}`);
    return this.decision;
  }

  /** The state after them. */
  get state(): S {
    return this.events.reduce<S>((folded, event) => this.aggregate.evolve(folded, event), this.before);
  }

  /** These events, no more; each with at least the data that is given. */
  thenEvents(...expected: readonly { readonly type: E['type']; readonly data?: object }[]): this {
    expect(this.events).toMatchObject(expected);
    expect(this.events).toHaveLength(expected.length);
    return this;
  }

  /** No change: nothing is written. */
  thenNothing(): this {
    expect(this.decision).toEqual([]);
    return this;
  }

  thenRefused(code: string): this {
    expect(this.decision).toEqual({ refused: code, message: expect.stringMatching(/\w+.*\.$/) });
    return this;
  }

  /** The state after the events, as far as it is given. */
  thenState(expected: object): this {
    expect(this.state).toMatchObject(expected);
    return this;
  }
}
