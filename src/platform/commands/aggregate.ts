import type { DomainEvent } from '../event-store/event-codec.js';

/**
 * An aggregate, as data and pure functions (the decider pattern). Decisions are separate functions from state to
 * events or a {@link Refusal}; they live beside it in the domain folder.
 */
export interface Aggregate<S, E extends DomainEvent> {
  /** Streams are named `<category>-<id>`. */
  readonly category: string;
  readonly initialState: S;
  /** Never throws; an event it does not know leaves the state as it is. */
  evolve(state: S, event: E): S;
  /** Raise it whenever the shape of the state or `evolve` changes: snapshots of other versions are ignored. */
  readonly stateVersion: number;
}

/** The domain says no. `code` is stable; the platform turns it into the HTTP status that the context gives it. */
export interface Refusal<C extends string = string> {
  readonly refused: C;
  readonly message: string;
}

/** Events to append, `[]` for no change, or a refusal. */
export type Decision<E extends DomainEvent, C extends string = string> = readonly E[] | Refusal<C>;

export function isRefusal(decision: object): decision is Refusal {
  return 'refused' in decision;
}
