import { DormouseError } from '../errors.js';

/** Why a database was not taken into use; it was left untouched. */
export type DatabaseProblem = 'newer_format' | 'foreign' | 'in_use';

/** A database that this program must not write to. */
export class DatabaseRefused extends DormouseError {
  constructor(
    readonly problem: DatabaseProblem,
    readonly database: string,
    message: string,
  ) {
    super(`store_${problem}`, 503, message, { database });
  }
}

/** A document is larger than MongoDB takes (16 MB); nothing of it was written. Repeating does not help. */
export class DocumentTooLarge extends DormouseError {
  constructor(message: string, options?: ErrorOptions) {
    super('document_too_large', 500, message, {}, options);
  }
}
