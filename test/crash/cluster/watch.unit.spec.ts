import { beforeEach, describe, expect, it } from '@jest/globals';
import { SharedRecords } from './shared-records.js';
import type { StoredState } from './shared-records.js';
import { Watch } from './watch.js';

const LEASE = 'projection/workers';

function stateBy(instance: string, token: number): StoredState {
  const updated_at = new Date(5_000).toISOString();
  const rest = { version: 1, generation: 1, collection: 'workers__v1_g1', checkpoint: 1, history: 'h' };
  return { state: { projection: 'workers', ...rest, instance, updated_at }, token };
}

describe('Who watches the leases', () => {
  let watch: Watch;
  beforeEach(() => {
    // Never connected: everything is handed in.
    watch = new Watch(new SharedRecords('mongodb://127.0.0.1:1', 2_000));
  });
  const seen = (holder: string | null, token: number, since = 0) => watch.take([{ name: LEASE, holder, token, since }]);

  it('remembers each change of hands once', () => {
    seen('a', 1, 10);
    seen('a', 1, 20);
    seen(null, 1, 30);
    seen('b', 2, 40);
    expect(watch.changesOf(LEASE).map(({ holder, at }) => [holder, at])).toEqual([
      ['a', 10],
      ['b', 40],
    ]);
    expect(watch.wrong).toEqual([]);
  });

  it('notices a token that falls', () => {
    seen('a', 2);
    seen('b', 1);
    expect(watch.wrong).toEqual([expect.stringContaining('fell from 2')]);
  });

  it('notices a token that two have', () => {
    seen('a', 1);
    seen('b', 1);
    expect(watch.wrong).toEqual([expect.stringContaining('a had the same token')]);
  });

  it('notices a write of one who has lost the lease to another', () => {
    seen('a', 1);
    watch.takeState(stateBy('a', 1));
    seen('b', 2);
    watch.takeState(stateBy('b', 2));
    expect(watch.wrong).toEqual([]);
    watch.takeState(stateBy('a', 1));
    expect(watch.wrong).toEqual([expect.stringContaining('a wrote with token 1 after b with token 2')]);
  });

  it('notices a write with the token of another', () => {
    seen('a', 1);
    watch.takeState(stateBy('b', 1));
    expect(watch.wrong).toEqual([expect.stringContaining('b wrote with the token of a')]);
  });

  it('lets one write who has got the lease back', () => {
    for (const [token, holder] of ['a', 'b', 'a'].entries()) {
      seen(holder, token + 1);
      watch.takeState(stateBy(holder, token + 1));
    }
    expect(watch.wrong).toEqual([]);
    expect(watch.actsOf(LEASE).map(({ holder }) => holder)).toEqual(['a', 'b', 'a']);
  });

  it('knows by its beginning whether a run was recorded', () => {
    const [started_at, finished_at] = [new Date(7_000).toISOString(), new Date(7_100).toISOString()];
    const last_run = { name: 'sweep', outcome: 'succeeded', started_at, finished_at, duration_ms: 100 } as const;
    const record = { ...last_run, summary: null, error: null };
    watch.takeJob('sweep', { running: null, last_run: record, last_run_on: 'a', last_success_at: finished_at });
    expect([watch.hasRecorded('sweep', 7_001), watch.hasRecorded('sweep', 8_000)]).toEqual([true, false]);
    expect(watch.actsOf('schedule/sweep')).toEqual([{ holder: 'a', at: 7_000 }]);
  });
});
