import { isDeepStrictEqual } from 'node:util';
import type { Position } from '../event-store/event-store.port.js';
import type { Collection, Document, StoredDocument } from '../read-models/read-model-store.port.js';
import { catchUp } from './catch-up.js';
import type { Generation } from './generation.js';
import type { ProjectionSession } from './projection-session.js';
import { scratchOf } from './projection-state.js';

/** One document that is not what its events make. */
export interface Difference {
  readonly id: string;
  /** As it is served; null: not there. */
  readonly live: Document | null;
  /** As the events make it; null: not there. */
  readonly folded: Document | null;
}

export interface Verification {
  readonly equal: boolean;
  /** Both were compared here. */
  readonly position: Position | null;
  readonly documents: number;
  /** The first {@link MAX_DIFFERENCES}. */
  readonly differences: readonly Difference[];
}

export const MAX_DIFFERENCES = 100;

/**
 * Folds all events from zero in a scratch collection and compares with the documents in use, at the same position. What
 * is parked or was skipped there is left out here, so a difference is a defect. The live loop stands still only for
 * the comparison.
 */
export async function verify(session: ProjectionSession): Promise<Verification> {
  const { projection, active } = session;
  session.refuseWhenOutdated();
  const collection = scratchOf(projection.name);
  // Generation 0 is nobody's: what is parked here is parked for this comparison only.
  const scratch = await session.emptyGeneration({ version: active.name.version, generation: 0, collection });
  try {
    // Never beyond the documents in use, so that a stream which is parked meanwhile has not been read too far.
    await readUpToActive(session, scratch);
    return await session.exclusive(async () => {
      await readUpToActive(session, scratch);
      const { documents, differences } = await compare(active.collection, scratch.collection);
      return { equal: differences.length === 0, position: active.position, documents, differences };
    });
  } finally {
    await session.tidyUp();
  }
}

async function readUpToActive(session: ProjectionSession, scratch: Generation): Promise<void> {
  const { context, projection, active } = session;
  await catchUp(scratch, context, projection, session.scratchWrite, {
    upTo: () => active.position,
    takes: (event) => {
      const parked = active.parked.get(event.stream);
      return parked === undefined || event.position < parked.position;
    },
  });
}

/** Walks both in order of id. */
async function compare(
  live: Collection<Document>,
  folded: Collection<Document>,
): Promise<{ documents: number; differences: Difference[] }> {
  const differences: Difference[] = [];
  const note = (id: string, a: StoredDocument<Document> | undefined, b: StoredDocument<Document> | undefined) => {
    if (isDeepStrictEqual(a?.document, b?.document) || differences.length === MAX_DIFFERENCES) return;
    differences.push({ id, live: a?.document ?? null, folded: b?.document ?? null });
  };
  let documents = 0;
  for await (const page of pagesOf(live)) {
    documents += page.length;
    const counterparts = await byId(folded, page);
    for (const entry of page) note(entry.id, entry, counterparts.get(entry.id));
  }
  for await (const page of pagesOf(folded)) {
    const counterparts = await byId(live, page);
    for (const entry of page) if (!counterparts.has(entry.id)) note(entry.id, undefined, entry);
  }
  return { documents, differences };
}

async function byId(
  collection: Collection<Document>,
  page: readonly StoredDocument<Document>[],
): Promise<Map<string, StoredDocument<Document>>> {
  const found = await collection.getMany(page.map(({ id }) => id));
  return new Map(found.map((entry) => [entry.id, entry]));
}

async function* pagesOf(collection: Collection<Document>): AsyncGenerator<StoredDocument<Document>[]> {
  let page: StoredDocument<Document>[] = [];
  for await (const entry of collection.all()) {
    page.push(entry);
    if (page.length < 500) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
