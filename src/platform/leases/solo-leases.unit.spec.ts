import { describe, expect, it } from '@jest/globals';
import { SoloLeases } from './solo-leases.js';

describe('Leases of a process that is alone', () => {
  it('are held by one at a time, in the order of asking', async () => {
    const leases = new SoloLeases();
    const log: string[] = [];
    let holders = 0;
    const hold = (name: string) =>
      leases.hold('worker/1', async () => {
        expect(++holders).toBe(1);
        log.push(name);
        await Promise.resolve();
        holders--;
      });
    await Promise.all(['a', 'b', 'c', 'd'].map(hold));
    expect(log).toEqual(['a', 'b', 'c', 'd']);
  });

  it('of different names do not wait for each other, and never wait when they are free', async () => {
    const leases = new SoloLeases();
    const one = await leases.acquire('worker/1');
    const two = await leases.acquire('worker/2');
    expect([one.name, two.name]).toEqual(['worker/1', 'worker/2']);
    expect(one.lost.aborted).toBe(false);
    expect(one.fence).toBeUndefined();
  });

  it('are released when the work fails', async () => {
    const leases = new SoloLeases();
    await expect(leases.hold('worker/1', () => Promise.reject(new Error('defect')))).rejects.toThrow('defect');
    expect(await leases.hold('worker/1', () => Promise.resolve('done'))).toBe('done');
  });

  it('are tried without waiting', async () => {
    const leases = new SoloLeases();
    const lease = await leases.tryAcquire('job/a');
    expect(lease).toBeDefined();
    expect(await leases.tryAcquire('job/a')).toBeUndefined();
    await lease?.release();
    expect(await leases.tryAcquire('job/a')).toBeDefined();
  });

  it('are given up by one who stops waiting, and whoever stands behind still waits for the holder', async () => {
    const leases = new SoloLeases();
    const holder = await leases.acquire('worker/1');
    const impatient = new AbortController();
    const gone = leases.acquire('worker/1', impatient.signal);
    let behindHasIt = false;
    const behind = leases.acquire('worker/1').then((lease) => {
      behindHasIt = true;
      return lease;
    });
    impatient.abort(new Error('no longer'));
    await expect(gone).rejects.toThrow('no longer');
    expect(behindHasIt).toBe(false);
    await holder.release();
    await (await behind).release();
    expect(await leases.tryAcquire('worker/1')).toBeDefined();
  });

  it('are not waited for at all with a signal that is aborted', async () => {
    const signal = AbortSignal.abort(new Error('stopping'));
    await expect(new SoloLeases().acquire('worker/1', signal)).rejects.toThrow('stopping');
  });
});
