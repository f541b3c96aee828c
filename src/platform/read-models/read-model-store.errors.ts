import { DormouseError } from '../errors.js';

/** The store cannot be reached or does not answer. */
export class ReadModelStoreUnavailable extends DormouseError {
  constructor(message: string, options?: ErrorOptions) {
    super('read_model_store_unavailable', 503, message, {}, options);
  }
}

/** This instance has lost its lease: another one works now, and this write must not happen. */
export class StaleFence extends DormouseError {
  constructor(readonly lease: string) {
    super('stale_fence', 409, `The lease '${lease}' is held by another instance now.`);
  }
}
