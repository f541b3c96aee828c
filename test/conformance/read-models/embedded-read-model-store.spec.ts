import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedReadModelStore } from '../../../src/platform/read-models/embedded/embedded-read-model-store.js';
import { describeReadModelStore } from './read-model-store.conformance.js';

describeReadModelStore('embedded', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dormouse-read-models-'));
  const path = join(directory, 'read-models.db');
  let store = EmbeddedReadModelStore.open(path);
  return {
    store,
    async reopen() {
      await store.close();
      store = EmbeddedReadModelStore.open(path);
      return store;
    },
    async dispose() {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
