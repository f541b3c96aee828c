import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { pino } from 'pino';
import { eventually } from '../../../test/support/eventually.js';
import { notesProjection, ProjectionFixture } from '../../../test/support/projection-fixture.js';
import { TransferableLeases } from '../../../test/support/transferable-leases.js';
import { JobScheduler } from '../jobs/job-scheduler.js';
import { PlatformSettings } from '../config/platform-settings.js';
import type { Leases } from '../leases/leases.port.js';
import { SoloLeases } from '../leases/solo-leases.js';
import type { ProjectionEngine } from '../projections/projection-engine.js';
import { HealthWarnings } from './health-warnings.js';
import { Readiness } from './readiness.js';

describe('Readiness', () => {
  let test: ProjectionFixture;
  let dataDirectory: string;
  let schedulers: JobScheduler[];

  beforeEach(async () => {
    test = await ProjectionFixture.open();
    schedulers = [];
    dataDirectory = tmpdir();
  });

  afterEach(async () => {
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
    await test.close();
  });

  /** An instance whose projection follows the events and whose job is scheduled. */
  async function instance(leases: Leases): Promise<{ readiness: Readiness; engine: ProjectionEngine }> {
    const engine = await test.started(notesProjection(), { retireAfterMs: 2_000 }, leases);
    const { events, readModels, clock } = test;
    const log = pino({ level: 'silent' });
    const jobs = new JobScheduler(new SchedulerRegistry(), readModels, leases, clock, log, () => Promise.resolve());
    jobs.register({ name: 'sweeping', intervalSeconds: 3_600, run: () => Promise.resolve({}) });
    jobs.start();
    schedulers.push(jobs);
    const settings = Object.assign(new PlatformSettings(), { DATA_DIR: dataDirectory });
    const readiness = new Readiness(events, readModels, engine, jobs, leases, settings, new HealthWarnings());
    await engine.caughtUp();
    readiness.opened();
    return { readiness, engine };
  }

  it('names each instance, and tells what it does for all and who does the rest', async () => {
    const leases = new TransferableLeases();
    const [a, b] = [leases.instance('a'), leases.instance('b')];
    const first = await instance(a);
    const second = await instance(b);
    await eventually('the first one has recorded what it holds', async () => {
      const { projections, jobs } = await second.readiness.report();
      return projections[0]?.state === 'following' && jobs[0]?.scheduled_by === 'a';
    });
    expect(await first.readiness.report()).toMatchObject({
      status: 'ready',
      instance: 'a',
      holds: { projections: ['notes'], schedules: ['sweeping'] },
    });
    expect(await second.readiness.report()).toMatchObject({
      status: 'ready',
      reasons: [],
      warnings: [],
      instance: 'b',
      holds: { projections: [], schedules: [] },
      projections: [{ name: 'notes', instance: 'a' }],
      jobs: [{ name: 'sweeping', scheduled_by: 'a' }],
    });
  });

  it('stays ready while the work passes from one instance to another', async () => {
    const leases = new TransferableLeases();
    const first = await instance(leases.instance('a'));
    const second = await instance(leases.instance('b'));
    leases.passOn('projection/notes');
    leases.passOn('schedule/sweeping');
    await eventually('the second one has both', async () => {
      const { holds } = await second.readiness.report();
      return holds.projections.length === 1 && holds.schedules.length === 1;
    });
    for (const { readiness } of [first, second]) {
      expect(await readiness.report()).toMatchObject({ status: 'ready', reasons: [], warnings: [] });
    }
  });

  it('of an instance that is alone names none, and says that it does everything', async () => {
    const { readiness, engine } = await instance(new SoloLeases());
    await eventually('it is live', async () => (await engine.status())[0]?.state === 'live');
    expect(await readiness.report()).toMatchObject({
      status: 'ready',
      instance: null,
      holds: { projections: ['notes'], schedules: ['sweeping'] },
    });
  });

  it('is lost with a store, and says which', async () => {
    const { readiness } = await instance(new SoloLeases());
    test.readModels.unavailable = true;
    const report = await readiness.report();
    test.readModels.unavailable = false;
    expect(report).toMatchObject({ status: 'not_ready', holds: { projections: [], schedules: [] } });
    expect(report.reasons.join()).toMatch(/read models cannot be reached/);
  });

  it('is lost while the embedded stores could not write, and says where', async () => {
    const { readiness } = await instance(new SoloLeases());
    dataDirectory = join(tmpdir(), 'unmounted');
    const { readiness: elsewhere } = await instance(new SoloLeases());
    expect(await readiness.report()).toMatchObject({ status: 'ready' });
    const { status, reasons } = await elsewhere.report();
    expect(status).toBe('not_ready');
    expect(reasons.join()).toMatch(/^DATA_DIR \(.*unmounted\) cannot be written: .*ENOENT.*check that it exists/);
  });

  it('is lost when the service is about to stop', async () => {
    const { readiness } = await instance(new SoloLeases());
    readiness.drain();
    expect(await readiness.report()).toMatchObject({ status: 'not_ready', reasons: ['The service is stopping.'] });
  });
});
