import type { ExpectedState } from './records.js';

/** What the server can turn a request away with; how each looks on the wire depends on the call. */
export abstract class Refusal extends Error {}

/** `current` is undefined when the stream does not exist. */
export class WrongExpectedVersion extends Refusal {
  constructor(
    readonly stream: string,
    readonly expected: ExpectedState,
    readonly current: bigint | undefined,
  ) {
    super(`Append failed due to WrongExpectedVersion. Stream: ${stream}`);
  }
}

/** The stream has a tombstone. */
export class StreamIsDeleted extends Refusal {
  constructor(readonly stream: string) {
    super(`Event stream '${stream}' is deleted.`);
  }
}

export class AppendTooLarge extends Refusal {
  constructor(readonly maxAppendSize: number) {
    super(`Maximum Append Size of ${maxAppendSize} Exceeded.`);
  }
}

/** The request makes no sense. */
export class BadRequest extends Refusal {}

/** The server is on its way down. */
export class ShuttingDown extends Refusal {
  constructor() {
    super('Server Is Shutting Down');
  }
}

/** Something about a group of a persistent subscription; `exception` is EventStoreDB's name for it. */
export class GroupRefusal extends Refusal {
  constructor(
    readonly exception:
      | 'persistent-subscription-exists'
      | 'persistent-subscription-does-not-exist'
      | 'persistent-subscription-dropped'
      | 'maximum-subscribers-reached',
    readonly stream: string,
    readonly group: string,
  ) {
    super(`Subscription group ${group} on stream ${stream}: ${exception}.`);
  }
}

/** A real server can do this, this one cannot. */
export class NotSupported extends Refusal {}
