import { DormouseError } from '../errors.js';
import type { ExpectedRevision } from './event-store.port.js';

/** The stream is not where the writer thought. `actual` is `no_stream` or the revision of its last event. */
export class WrongExpectedRevision extends DormouseError {
  constructor(
    readonly stream: string,
    readonly expected: ExpectedRevision,
    readonly actual: 'no_stream' | number,
  ) {
    super('wrong_expected_revision', 409, `Stream '${stream}' is at ${actual}, expected ${expected}.`);
  }
}

/** The event cannot be stored as it is; nothing was sent. */
export class EventNotStorable extends DormouseError {
  constructor(message: string, options?: ErrorOptions) {
    super('event_not_storable', 422, message, {}, options);
  }
}

/** The append may or may not have been written. Repeat it with the same ids and the same expected revision. */
export class AppendOutcomeUnknown extends DormouseError {
  constructor(
    readonly stream: string,
    options?: ErrorOptions,
  ) {
    super('append_outcome_unknown', 503, `No answer came to an append to stream '${stream}'.`, {}, options);
  }
}

/** The store cannot be reached or does not answer; nothing was written. */
export class EventStoreUnavailable extends DormouseError {
  constructor(message: string, options?: ErrorOptions) {
    super('event_store_unavailable', 503, message, {}, options);
  }
}

/** The stream was deleted for ever (a tombstone); it can neither be read nor written. */
export class StreamDeleted extends DormouseError {
  constructor(readonly stream: string) {
    super('stream_deleted', 410, `Stream '${stream}' was deleted for ever.`);
  }
}

/** The subscription ended although nobody asked it to. Resume from the last position handed over. */
export class SubscriptionDropped extends DormouseError {
  constructor(reason: string, options?: ErrorOptions) {
    super('subscription_dropped', 503, `The subscription was dropped: ${reason}`, {}, options);
  }
}

/** Why a store file was not opened; it was left untouched. */
export type StoreFileProblem = 'newer_format' | 'damaged' | 'foreign' | 'in_use' | 'not_writable';

/** A store file or data directory that this program must not open. */
export class StoreFileRefused extends DormouseError {
  constructor(
    readonly problem: StoreFileProblem,
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`store_${problem}`, 503, message, { path }, options);
  }
}
