#!/usr/bin/env node
/**
 * Holds docs/events.md and the promises of the published events against the registered event types.
 *
 *   node scripts/event-catalogue.mjs           says what differs, exit code 1 when something does
 *   node scripts/event-catalogue.mjs --write   writes the generated part of docs/events.md, and promises that are missing
 *
 * A promise is src/<context>/contracts/published/<type>.json: an example of a published type and what its data is like. One
 * that is there is never written again: a published shape does not change (docs/decisions/0024-event-contracts.md).
 */
import '../test/support/typescript-hooks.mjs';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { catalogueText } from './event-catalogue-text.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const CATALOGUE = join(root, 'docs/events.md');
const [START, END] = [
  '<!-- catalogue: written by node scripts/event-catalogue.mjs --write -->',
  '<!-- end of the catalogue -->',
];
const writes = process.argv.includes('--write');

/** Whatever the service registers at its start, of every context that there is. */
async function withRegistry(use) {
  const { Service } = await import('../src/service.ts');
  const { EventCodec } = await import('../src/platform/event-store/event-codec.ts');
  const { PublicEvents } = await import('../src/platform/contracts/public-events.ts');
  const directory = mkdtempSync(join(tmpdir(), 'dormouse-catalogue-'));
  const service = await Service.start({ environment: { DATA_DIR: directory, LOG_LEVEL: 'silent' }, schedule: false });
  try {
    return await use(service.app.get(EventCodec).categories(), service.app.get(PublicEvents));
  } finally {
    await service.stop();
    rmSync(directory, { recursive: true });
  }
}

/** What is promised of a type, made from the committed sample of the stored event. */
async function promiseOf({ storedType, definition, published }, publicEvents) {
  const { undescribed } = await import('../src/platform/contracts/json-schema.ts');
  const [sample] = globSync(join(root, `src/*/domain/samples/${storedType}.v${definition.version}.json`));
  if (!sample) throw new Error(`There is no sample of ${storedType}, version ${definition.version}.`);
  const recorded = JSON.parse(readFileSync(sample, 'utf8'));
  // Tokens begin with eight digits of the history's identity.
  const example = publicEvents.cloudEvent(recorded, `00000000.${recorded.position.toString(36)}`);
  const path = join(dirname(sample), '../../contracts/published', `${published.type}.json`);
  return { path, promise: { example, schema: undescribed(published.schema) } };
}

async function formatted(text, path) {
  return format(text, { ...(await resolveConfig(path)), filepath: path });
}

await withRegistry(async (categories, publicEvents) => {
  const stale = [];
  const examples = new Map();
  for (const type of publicEvents.types().values()) {
    const { path, promise } = await promiseOf(type, publicEvents);
    const text = await formatted(JSON.stringify(promise), path);
    examples.set(type.published.type, promise.example);
    if (existsSync(path)) {
      if (readFileSync(path, 'utf8') !== text) stale.push(`${relative(root, path)}: another shape was promised`);
    } else if (writes) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    } else stale.push(`${relative(root, path)} is missing`);
  }
  const before = readFileSync(CATALOGUE, 'utf8');
  const generated = `${START}\n\n${catalogueText(categories, examples)}\n${END}`;
  const [start, end] = [before.indexOf(START), before.indexOf(END)];
  if (start < 0 || end < 0) throw new Error(`docs/events.md has lost the lines ${START} and ${END}.`);
  const after = await formatted(before.slice(0, start) + generated + before.slice(end + END.length), CATALOGUE);
  if (after !== before) {
    if (writes) writeFileSync(CATALOGUE, after);
    else stale.push('docs/events.md is not what the contracts say: node scripts/event-catalogue.mjs --write');
  }
  for (const line of stale) process.stdout.write(`${line}\n`);
  process.exitCode = stale.length > 0 ? 1 : 0;
});
