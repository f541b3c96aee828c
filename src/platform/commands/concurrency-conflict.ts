import { DormouseError } from '../errors.js';

/** 409: others changed the same thing each time this command tried. Nothing was written; try again. */
export class ConcurrencyConflict extends DormouseError {
  constructor(stream: string, attempts: number) {
    super('concurrency_conflict', 409, `Stream '${stream}' changed during each of ${attempts} attempts. Try again.`);
  }
}
