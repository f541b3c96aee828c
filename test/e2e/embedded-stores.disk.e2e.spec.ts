import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { SharedStoresLab } from '../support/shared-stores-lab.js';
import type { Instance } from '../support/shared-stores-lab.js';

const WORKERS = '/region/us-east-1/workers';

/** A file system of a few megabytes, where the machine lets us mount one. */
const root = mkdtempSync(join(tmpdir(), 'dormouse-disk-'));
const isMounted = mount('-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', root);
if (!isMounted) rmSync(root, { recursive: true });
const describeOnSmallDisk = isMounted ? describe : describe.skip;

function mount(...args: string[]): boolean {
  return spawnSync('mount', args).status === 0;
}

describeOnSmallDisk('A service on a disk that', () => {
  let lab: SharedStoresLab;
  let instance: Instance;
  let directory: string;
  const filler = join(root, 'filler');

  beforeEach(async () => {
    lab = await SharedStoresLab.open();
    directory = mkdtempSync(join(root, 'data-'));
  });
  afterEach(async () => {
    mount('-o', 'remount,rw', root);
    rmSync(filler, { force: true });
    await lab.close();
    rmSync(directory, { recursive: true, force: true });
  });
  afterAll(() => {
    spawnSync('umount', [root]);
    rmSync(root, { recursive: true, force: true });
  });

  const fill = () => {
    const { bavail, bsize } = statfsSync(root);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
  };

  it('is full acknowledges nothing that it cannot keep, says so, and goes on when there is room', async () => {
    instance = await lab.startReady({ DATA_DIR: directory });
    const kept: string[] = [];
    const importOne = async () => {
      const answer = await lab.import(instance);
      if (answer.status === 201) kept.push(String(answer.body['worker_id']));
      return answer;
    };
    await importOne();
    fill();
    let refused = await importOne();
    await eventually('an import is refused', async () => (refused = await importOne()).status !== 201);
    expect(refused.status).toBe(503);
    expect(refused.body['detail']).toMatch(/disk is full; free some space, the service then goes on by itself/);
    await eventually('health says so', async () => /disk is full/.test(await instance.reasons()));
    expect((await instance.get('/health/live')).status).toBe(200);
    rmSync(filler);
    await eventually('it is ready again', () => instance.isReady(), 15_000);
    const { token } = await importOne();
    await expectWorkers(kept, token);
    await instance.service.stop();
    instance = await lab.startReady({ DATA_DIR: directory });
    await expectWorkers(kept);
  }, 40_000);

  it('is read-only is refused at the start with what to do, and lost nothing', async () => {
    instance = await lab.startReady({ DATA_DIR: directory });
    const before = await lab.import(instance);
    expect(before.status).toBe(201);
    // Files that are open for writing keep a file system from being remounted.
    await instance.service.stop();
    expect(mount('-o', 'remount,ro', root)).toBe(true);
    const start = lab.start({ DATA_DIR: directory });
    await expect(start).rejects.toMatchObject({ code: 'store_not_writable' });
    await expect(start).rejects.toThrow(/read-only/);
    expect(mount('-o', 'remount,rw', root)).toBe(true);
    instance = await lab.startReady({ DATA_DIR: directory });
    await expectWorkers([String(before.body['worker_id'])]);
  }, 20_000);

  async function expectWorkers(kept: readonly string[], token?: string): Promise<void> {
    const { body } = await instance.get(`${WORKERS}?limit=1000`, token);
    const shown = (body['items'] as { worker_id: string }[]).map(({ worker_id }) => worker_id);
    expect(shown.toSorted()).toEqual([...kept, ...shown.filter((id) => !kept.includes(id))].toSorted());
    expect(kept.filter((id) => !shown.includes(id))).toEqual([]);
  }
});
