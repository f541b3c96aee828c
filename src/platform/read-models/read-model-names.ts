import type { CollectionDefinition, Document } from './read-model-store.port.js';

const COLLECTION = /^[a-z0-9_]{1,60}$/;
const FIELD = /^[A-Za-z][A-Za-z0-9_]{0,59}$/;

/** @throws {Error} for a name that not every adapter can use (a defect of the caller) */
export function assertCollectionName(name: string): void {
  if (!COLLECTION.test(name)) {
    throw new Error(`'${name}' is no collection name: lower-case letters, digits and '_', at most 60 characters.`);
  }
}

/** @throws {Error} for a name that not every adapter can query or index */
export function assertFieldName(field: string): void {
  if (!FIELD.test(field)) {
    throw new Error(`'${field}' is no field name: a letter, then letters, digits and '_', at most 60 characters.`);
  }
}

/** @throws {Error} for a definition that not every adapter can make */
export function assertCollectionDefinition(definition: CollectionDefinition): void {
  assertCollectionName(definition.name);
  for (const { fields } of definition.indexes ?? []) {
    if (fields.length === 0) throw new Error(`An index of collection '${definition.name}' has no fields.`);
    for (const field of fields) assertFieldName(field);
  }
}

/** @throws {Error} for a document with a field that belongs to the stores */
export function assertDocument(document: Document): void {
  for (const field in document) {
    if (field.startsWith('_')) throw new Error(`Field '${field}': names that start with '_' belong to the store.`);
  }
}
