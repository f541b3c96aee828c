import type { Position } from '../event-store/event-store.port.js';

/** How far somebody has come: the position of the last event that is done with, or {@link BEGINNING}. Compares as a number. */
export type Reached = number;

/** Before the first event, whose position is 0 or more. */
export const BEGINNING: Reached = -1;

export const reachedOf = (position: Position | null): Reached => position ?? BEGINNING;

export const positionOf = (reached: Reached): Position | null => (reached === BEGINNING ? null : reached);

/** Makes the token of a position. */
export type TokenOf = (position: Position) => string;

/** The parameter `after` for the beginning, and for the end as it is. */
export const FROM_BEGINNING = 'beginning';
export const FROM_NOW = 'now';

/** What a client is told to go on from. */
export const wordOf = (reached: Reached, tokenOf: TokenOf): string =>
  reached === BEGINNING ? FROM_BEGINNING : tokenOf(reached);
