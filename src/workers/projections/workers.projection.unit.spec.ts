import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DecodedEvent } from '../../platform/event-store/event-codec.js';
import { EmbeddedReadModelStore } from '../../platform/read-models/embedded/embedded-read-model-store.js';
import { NO_TELEMETRY_SEEN } from '../domain/telemetry.js';
import type { CMLWorkerEvent } from '../domain/cml-worker.events.js';
import { CMLWorker } from '../domain/cml-worker.js';
import type { CMLWorkerState } from '../domain/cml-worker.js';
import { cmlWorkerContract } from '../contracts/cml-worker.contract.js';
import { LastCheckErrors } from './last-check-errors.js';
import type { WorkerDocument } from './workers.projection.js';
import { workersProjection } from './workers.projection.js';
import {
  WORKER_ID,
  active,
  checked,
  deregistered,
  pauseRequested,
  paused,
  registered,
  resumeRequested,
  resumed,
  statusChanged,
} from '../../../test/support/worker-history.js';

function decoded(event: CMLWorkerEvent): DecodedEvent<CMLWorkerEvent> {
  const id = '33333333-3333-5333-8333-333333333333';
  const metadata = { $correlationId: id, $causationId: id, schema_version: 1, time: '', actor: 'ada', command_id: id };
  return { id, stream: `cmlWorker-${WORKER_ID}`, revision: 0, position: 1, recordedAt: 0, metadata, event };
}

function project(...events: CMLWorkerEvent[]): WorkerDocument | null {
  return events.reduce<WorkerDocument | null>(
    (document, event) => workersProjection.apply(document ?? undefined, decoded(event)),
    null,
  );
}

describe('The document of a worker', () => {
  it('is the state that the decisions see, without what only checks need', () => {
    const history = [registered(), active(10), pauseRequested(), paused(), resumeRequested(), resumed(20), checked(30)];
    const state = history.reduce<CMLWorkerState>(CMLWorker.evolve, CMLWorker.initialState);
    const document = project(...history);
    const shown = { ...state, telemetry_memory: NO_TELEMETRY_SEEN, power_change_pending: false };
    expect(document).toEqual(shown);
    expect(document).toMatchObject({ manual_pause_count: 1, manual_resume_count: 1 });
  });

  it('says while a pause or a resume is not settled', () => {
    expect(project(registered())?.power_change_pending).toBe(false);
    expect(project(registered(), pauseRequested())?.power_change_pending).toBe(true);
    expect(project(registered(), pauseRequested(), paused())?.power_change_pending).toBe(false);
    expect(project(registered(), paused(), resumeRequested())?.power_change_pending).toBe(true);
    expect(project(registered(), paused(), resumeRequested(), resumed(5))?.power_change_pending).toBe(false);
  });

  it('is gone with the worker’s registration, and new with a new one', () => {
    expect(project(registered(), deregistered())).toBeNull();
    expect(project(registered(), paused(), deregistered(), registered())).toEqual(project(registered()));
  });

  it('does not come to be by anything but a registration', () => {
    expect(project(statusChanged('stopped'))).toBeNull();
  });

  it('is named after its stream, and takes every event of the category', () => {
    expect(workersProjection.documentId(decoded(registered()))).toBe(WORKER_ID);
    expect([...workersProjection.eventTypes].sort()).toEqual(Object.keys(cmlWorkerContract.types).sort());
  });
});

describe('In the store', () => {
  let directory: string;
  let readModels: EmbeddedReadModelStore;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dormouse-workers-'));
    readModels = EmbeddedReadModelStore.open(join(directory, 'read-models.sqlite'));
  });

  afterEach(async () => {
    await readModels.close();
    await rm(directory, { recursive: true, force: true });
  });

  it.each([
    ['the activity detection', { where: { status: 'running', is_idle_detection_enabled: true }, limit: 500 }],
    ['what was left undone', { where: { power_change_pending: true }, limit: 500 }],
    ['the status sync', { where: { status: { in: ['running', 'stopped'] } } }],
    ['a page of a region', { where: { aws_region: 'r' }, orderBy: { field: 'name', direction: 'asc' as const } }],
    [
      'a page of all regions',
      { where: { name: { gte: '' } }, orderBy: { field: 'name', direction: 'asc' as const }, limit: 101 },
    ],
    [
      'a later page of all regions',
      {
        where: { name: { gte: '' } },
        orderBy: { field: 'name', direction: 'asc' as const },
        after: { id: 'w', value: 'n' },
        limit: 101,
      },
    ],
    [
      'a page of all regions by status',
      { where: { status: 'running' }, orderBy: { field: 'name', direction: 'asc' as const }, limit: 101 },
    ],
    ['a page by status', { where: { aws_region: 'r', status: 'running' }, limit: 101 }],
  ])('the query for %s uses an index', async (_, query) => {
    const { indexes = [] } = workersProjection;
    const workers = await readModels.collection<WorkerDocument>({ name: 'workers', indexes });
    expect((await workers.explain(query)).usesIndex).not.toBeNull();
  });

  it('the error of the last check holds until a check succeeds', async () => {
    const errors = new LastCheckErrors(readModels);
    const error = { code: 'telemetry_unavailable', failure: 'timeout', message: 'No answer.' };
    expect(await errors.of(WORKER_ID, null)).toBeNull();
    await errors.put(WORKER_ID, 5, error);
    expect(await errors.of(WORKER_ID, null)).toEqual({ at: 5, ...error });
    expect(await errors.of(WORKER_ID, 5)).toEqual({ at: 5, ...error });
    expect(await errors.of(WORKER_ID, 6)).toBeNull();
    await errors.clear(WORKER_ID);
    await errors.clear(WORKER_ID);
    expect(await errors.of(WORKER_ID, null)).toBeNull();
  });
});
