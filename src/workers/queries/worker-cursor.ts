import { InvalidInput } from '../../platform/errors.js';
import type { WorkerDocument } from '../projections/workers.projection.js';

/** A place in the order of workers by name, those of one name by id. */
export interface WorkerPlace {
  readonly id: string;
  readonly value: string;
}

/** The place of a worker as text that callers hand back for the next page. */
export function cursorOf({ worker_id, name }: Pick<WorkerDocument, 'worker_id' | 'name'>): string {
  return Buffer.from(JSON.stringify([name, worker_id])).toString('base64url');
}

/** @throws {InvalidInput} no {@link cursorOf} of a worker */
export function parseCursor(cursor: string): WorkerPlace {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parsed) && typeof parsed[0] === 'string' && typeof parsed[1] === 'string') {
      return { value: parsed[0], id: parsed[1] };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidInput([{ field: 'after', message: 'the `next` of an earlier page is accepted' }]);
}

/** Compares two places as the read models do: text by code point, which is how its UTF-8 compares. */
export function comparePlaces(a: WorkerPlace, b: WorkerPlace): number {
  return Buffer.from(a.value).compare(Buffer.from(b.value)) || Buffer.from(a.id).compare(Buffer.from(b.id));
}
