import { cursorOfPlace } from '../../platform/read-models/page-cursor.js';
import type { Place } from '../../platform/read-models/page-cursor.js';
import type { WorkerDocument } from '../projections/workers.projection.js';

/** A place in the order of workers by name, those of one name by id. */
export type WorkerPlace = Place<string>;

export function placeOf({ worker_id, name }: Pick<WorkerDocument, 'worker_id' | 'name'>): WorkerPlace {
  return { id: worker_id, value: name };
}

/** The place of a worker as text for the next page. */
export function cursorOf(worker: Pick<WorkerDocument, 'worker_id' | 'name'>): string {
  return cursorOfPlace(placeOf(worker));
}

/** Compares two places as the read models do: text by code point, which is how its UTF-8 compares. */
export function comparePlaces(a: WorkerPlace, b: WorkerPlace): number {
  return Buffer.from(a.value).compare(Buffer.from(b.value)) || Buffer.from(a.id).compare(Buffer.from(b.id));
}
