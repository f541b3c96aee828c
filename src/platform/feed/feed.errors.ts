import { DormouseError } from '../errors.js';
import type { EventNotReadable } from '../event-store/event-codec.js';

/** 409: the position is a token of another event history than this service's. */
export class PositionOfAnotherHistory extends DormouseError {
  constructor(field: string, history: string) {
    super(
      'position_of_another_history',
      409,
      `${field} is a position in another history than this service's (${history}): the service uses another event store than when it was handed out. Start over with after=beginning.`,
      { field, history },
    );
  }
}

/** 409: the history ends before the position. */
export class PositionBeyondTheEnd extends DormouseError {
  constructor(field: string, history: string) {
    super(
      'position_beyond_the_end',
      409,
      `${field} is a position that this history (${history}) does not reach: the event store was put back to an older state, and what followed there never happened here. Start over with after=beginning.`,
      { field, history },
    );
  }
}

/** 503: as many clients as are accepted follow the feed already. */
export class TooManyClients extends DormouseError {
  constructor(most: number) {
    super('too_many_clients', 503, `${most} clients follow the feed of this instance; no more are accepted now.`);
  }
}

/** 503: the next event was written by a newer version of this program; one of that version can tell it. */
export class FeedBlocked extends DormouseError {
  constructor(blockedBy: EventNotReadable) {
    super('event_not_readable', 503, `${detailOfBlocked(blockedBy)} Ask again.`, {}, { cause: blockedBy });
  }
}

export function detailOfBlocked({ recorded: { type, revision } }: EventNotReadable): string {
  return `The next event (${type}, revision ${revision} of its aggregate) cannot be told by this instance; one of a newer version can. It is not left out.`;
}

/** 503: no new streams while the service stops. */
export class FeedIsEnding extends DormouseError {
  constructor() {
    super('shutting_down', 503, 'The service is stopping.');
  }
}
