import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedReadModelStore } from '../../../src/platform/read-models/embedded/embedded-read-model-store.js';
import { describeCoachingReadModels } from './read-models.conformance.js';

const open = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dormouse-coaching-'));
  const store = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  const close = async () => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { store, close };
};

describeCoachingReadModels('embedded', open, (fields) => new RegExp(`__${fields}\\n`), /TEMP B-TREE/);
