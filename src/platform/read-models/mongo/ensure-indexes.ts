import type { IndexDescription } from 'mongodb';
import type { StoredCollection } from './guarded-writes.js';

/** An index as it is wanted. Its name says all about it: fields, order, unique or not. */
export interface WantedIndex {
  readonly name: string;
  readonly key: Readonly<Record<string, 1>>;
  readonly unique: boolean;
}

/** What a server answers when an index of that name or with these keys exists and is another one. */
const CONFLICTS = new Set([85, 86]);

/**
 * Makes indexes where they are missing. One that has the name or the keys of a wanted one and is different, because its
 * definition has changed, is dropped for it; others are left alone: the collection may be open elsewhere with more.
 */
export async function ensureIndexes(collection: StoredCollection, wanted: readonly WantedIndex[]): Promise<void> {
  await dropContradicted(collection, wanted);
  const descriptions = wanted.map(descriptionOf);
  try {
    await collection.createIndexes(descriptions);
  } catch (error) {
    if (!CONFLICTS.has(Number((error as { code?: unknown }).code))) throw error;
    await dropConflicting(collection, wanted);
    await collection.createIndexes(descriptions);
  }
}

function descriptionOf({ name, key, unique }: WantedIndex): IndexDescription {
  // What was deleted has no values, and must not stand in the way of another document without them.
  return unique
    ? { name, key: { ...key }, unique, partialFilterExpression: { d: { $exists: true } } }
    : { name, key: { ...key } };
}

/** The same fields, once unique and now not, or the other way round: the old one would go on refusing documents. */
async function dropContradicted(collection: StoredCollection, wanted: readonly WantedIndex[]): Promise<void> {
  const opposites = new Set(wanted.map(({ name, unique }) => (unique ? 'ix' : 'ux') + name.slice(2)));
  for (const name of await indexNames(collection)) if (opposites.has(name)) await collection.dropIndex(name);
}

async function dropConflicting(collection: StoredCollection, wanted: readonly WantedIndex[]): Promise<void> {
  const names = new Set(wanted.map(({ name }) => name));
  const keys = new Set(wanted.map(({ key }) => JSON.stringify(key)));
  for (const { name, key } of (await collection.listIndexes().toArray()) as { name: string; key: object }[]) {
    if (names.has(name) || keys.has(JSON.stringify(key))) await collection.dropIndex(name);
  }
}

async function indexNames(collection: StoredCollection): Promise<string[]> {
  const indexes = await collection.listIndexes().toArray();
  return indexes.map(({ name }: { name: string }) => name);
}
