import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Lease, Leases } from '../../../src/platform/leases/leases.port.js';

/** Leases to be tested: as many instances as the adapter allows, which share what they lease. */
export interface LeasesUnderTest {
  /** At least one. Where leases are only for one process, exactly one. */
  readonly instances: readonly [Leases, ...Leases[]];
  dispose(): Promise<void>;
}

/** What every adapter of the {@link Leases} port must do, within an instance and between instances. */
export function describeLeases(name: string, make: () => Promise<LeasesUnderTest>): void {
  describe(`leases: ${name}`, () => {
    let test: LeasesUnderTest;
    let leases: Leases;
    /** Another instance, or the same where there is only one. */
    let other: Leases;

    beforeEach(async () => {
      test = await make();
      leases = test.instances[0];
      other = test.instances[1] ?? leases;
    });
    afterEach(() => test.dispose());

    it('are held by one at a time', async () => {
      let holders = 0;
      let turns = 0;
      const rivals = Array.from({ length: 20 }, (_, i) => test.instances[i % test.instances.length] ?? leases);
      await Promise.all(
        rivals.map((rival) =>
          rival.hold('worker/1', async (lease) => {
            expect(++holders).toBe(1);
            lease.assertHeld();
            await new Promise((resolve) => setImmediate(resolve));
            turns++;
            holders--;
          }),
        ),
      );
      expect(turns).toBe(20);
    });

    it('are given within an instance in the order of asking', async () => {
      const log: number[] = [];
      const turn = (i: number) => leases.hold('worker/1', () => Promise.resolve(log.push(i)));
      await Promise.all([0, 1, 2, 3].map(turn));
      expect(log).toEqual([0, 1, 2, 3]);
    });

    it('of different names do not wait for each other', async () => {
      const [one, two] = await Promise.all([leases.acquire('worker/1'), other.acquire('worker/2')]);
      expect([one.name, two.name]).toEqual(['worker/1', 'worker/2']);
      await Promise.all([one.release(), two.release()]);
    });

    it('are tried without waiting, and free again after a release', async () => {
      const lease = await leases.tryAcquire('job/a');
      expect(lease).toBeDefined();
      expect(await leases.tryAcquire('job/a')).toBeUndefined();
      expect(await other.tryAcquire('job/a')).toBeUndefined();
      await lease?.release();
      expect(await other.tryAcquire('job/a')).toBeDefined();
    });

    it('are not lost while they are held, and say so', async () => {
      const lease = await leases.acquire('worker/1');
      lease.assertHeld();
      expect(lease.lost.aborted).toBe(false);
    });

    it('may be released twice, which does not take them from the next holder', async () => {
      const first = await leases.acquire('worker/1');
      await first.release();
      const second = await other.acquire('worker/1');
      await first.release();
      second.assertHeld();
      expect(await leases.tryAcquire('worker/1')).toBeUndefined();
    });

    it('are released when the work fails', async () => {
      await expect(leases.hold('worker/1', () => Promise.reject(new Error('defect')))).rejects.toThrow('defect');
      expect(await other.hold('worker/1', () => Promise.resolve('done'))).toBe('done');
    });

    it('are given up by one who stops waiting, and whoever stands behind still waits for the holder', async () => {
      const holder = await leases.acquire('worker/1');
      const impatient = new AbortController();
      const gone = other.acquire('worker/1', impatient.signal);
      let behind: Lease | undefined;
      const waiting = other.acquire('worker/1').then((lease) => (behind = lease));
      impatient.abort(new Error('no longer'));
      await expect(gone).rejects.toThrow('no longer');
      expect(behind).toBeUndefined();
      await holder.release();
      await (await waiting).release();
      expect(await leases.tryAcquire('worker/1')).toBeDefined();
    });

    it('are not waited for at all with a signal that is aborted', async () => {
      const signal = AbortSignal.abort(new Error('stopping'));
      await expect(leases.acquire('worker/1', signal)).rejects.toThrow('stopping');
      expect(await other.tryAcquire('worker/1')).toBeDefined();
    });

    it('may be closed twice', async () => {
      await leases.acquire('worker/1');
      await leases.close();
      await leases.close();
    });
  });
}
