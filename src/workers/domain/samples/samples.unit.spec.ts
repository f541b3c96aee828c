import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EventCodec } from '../../../platform/event-store/event-codec.js';
import type { RecordedEvent } from '../../../platform/event-store/event-store.port.js';
import { recordActivity } from '../activity-check.js';
import {
  abandonPause,
  abandonResume,
  changePolicy,
  confirmPause,
  confirmResume,
  deregisterWorker,
  registerWorker,
  requestPause,
  requestResume,
  toggleIdleDetection,
} from '../cml-worker.decisions.js';
import { observeStatus } from '../cml-worker.observation.js';
import type { CMLWorkerEvent } from '../cml-worker.events.js';
import { CMLWorker } from '../cml-worker.js';
import { cmlWorkerContract } from '../../contracts/cml-worker.contract.js';
import { specify } from '../../../../test/support/given-when-then.js';
import {
  SETTINGS,
  WORKER_ID,
  active,
  at,
  newActivity,
  pauseRequested,
  paused,
  registered,
  resumeRequested,
} from '../../../../test/support/worker-history.js';

/** One committed event for each type and schema version that was ever stored, as the store hands it out. */
interface Sample {
  readonly file: string;
  readonly recorded: RecordedEvent;
}

const samples: Sample[] = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.json'))
  .map((file) => {
    const stored = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as RecordedEvent & {
      recorded_at: string;
    };
    const { recorded_at, ...event } = stored;
    return { file, recorded: { ...event, recordedAt: Date.parse(recorded_at) } };
  });

const codec = new EventCodec();
codec.registerCategory(cmlWorkerContract);

describe('The samples of stored events', () => {
  const versions = Object.entries(cmlWorkerContract.types).flatMap(([type, { version }]) =>
    Array.from({ length: version }, (_, n) => `${type}.v${n + 1}.json`),
  );

  it('are there for each version of each registered type, and for nothing else', () => {
    expect(samples.map(({ file }) => file).sort()).toEqual(versions.sort());
  });

  it.each(samples)('$file is decoded to the present shape of its type', ({ file, recorded }) => {
    expect(file).toBe(`${recorded.type}.v${recorded.metadata.schema_version}.json`);
    const { event } = codec.decode<CMLWorkerEvent>(recorded);
    expect(event.type).toBe(recorded.type);
    expect(differences(shapeOf(event.data), shapeOf(writtenNow(event.type).data))).toEqual([]);
  });

  it.each(samples)('$file is folded without a loss', ({ recorded }) => {
    const { event } = codec.decode<CMLWorkerEvent>(recorded);
    const folded = CMLWorker.evolve(CMLWorker.evolve(CMLWorker.initialState, registered()), event);
    expect(Object.values(folded)).not.toContain(undefined);
    expect(Object.values(folded).some(Number.isNaN)).toBe(false);
  });

  it('together are one worker’s story', () => {
    const story = samples
      .map(({ recorded }) => recorded)
      .sort((a, b) => a.revision - b.revision)
      .map((recorded) => codec.decode<CMLWorkerEvent>(recorded).event);
    const before = story.slice(0, -1).reduce(CMLWorker.evolve, CMLWorker.initialState);
    expect(before).toMatchObject({
      kind: 'registered',
      last_activity_at: Date.parse('2026-03-04T12:05:00.250Z'),
      auto_pause_count: 1,
      external_resume_count: 1,
      was_auto_paused: true,
      is_idle_detection_enabled: false,
      idle_timeout_minutes: null,
    });
    expect(story.reduce(CMLWorker.evolve, CMLWorker.initialState)).toMatchObject({ kind: 'deregistered' });
  });
});

/** An event of that type as the decisions write it today: a sample of the present version must have its shape. */
function writtenNow(type: CMLWorkerEvent['type']): CMLWorkerEvent {
  const { given } = specify(CMLWorker);
  const written = [
    given().when((state) =>
      registerWorker(state, {
        workerId: WORKER_ID,
        awsRegion: 'us-east-1',
        awsInstanceId: 'i-0123456789abcdef0',
        name: 'lab',
        cmlEndpoint: 'https://cml.example.net',
        idleTimeoutMinutes: 5,
        status: 'running',
        by: 'ada',
        at: at(0),
      }),
    ),
    given(registered()).when((state) =>
      observeStatus(state, { status: 'pending', launchTime: null, powerChanges: 0, at: at(1) }, SETTINGS),
    ),
    given(registered()).when((state) =>
      recordActivity(state, newActivity(5), {
        at: at(10),
        nextCheckAt: at(40),
        keepEvents: 10,
        clockSkewMs: null,
        settings: SETTINGS,
      }),
    ),
    given(registered(), active(10)).when((state) =>
      requestPause(state, { pauseId: 'p1', reason: 'idle_timeout', by: 'system', at: at(90), settings: SETTINGS }),
    ),
    given(registered(), pauseRequested()).when((state) =>
      confirmPause(state, pauseRequested().data, 'stopping', at(2)),
    ),
    given(registered(), pauseRequested()).when((state) => abandonPause(state, 'p1', 'ec2_refused', 'Code', at(2))),
    given(registered(), paused()).when((state) => requestResume(state, { resumeId: 'r1', by: 'bob', at: at(3) })),
    given(registered(), paused(), resumeRequested()).when((state) =>
      confirmResume(state, resumeRequested().data, 'pending', at(4)),
    ),
    given(registered(), paused(), resumeRequested()).when((state) =>
      abandonResume(state, 'r1', 'ec2_refused', 'Code', at(4)),
    ),
    given(registered()).when((state) => toggleIdleDetection(state, false, 'ada', at(1))),
    given(registered()).when((state) => changePolicy(state, 5, 'ada', at(1))),
    given(registered()).when((state) => deregisterWorker(state, 'ada', at(1))),
  ].flatMap(({ events }) => events);
  const event = written.find((candidate) => candidate.type === type);
  if (!event) throw new Error(`No decision here writes a ${type}.`);
  return event;
}

/** Kinds of values by path, what is in free-form `data` and in lists apart. */
function shapeOf(value: unknown, path = ''): Record<string, string> {
  if (value === null || typeof value !== 'object' || path.endsWith('.data')) return { [path]: kindOf(value) };
  if (Array.isArray(value)) {
    return value.length === 0 ? { [path]: 'null' } : { [path]: 'list', ...shapeOf(value[0], `${path}[]`) };
  }
  const members = Object.entries(value).map(([key, member]) => shapeOf(member, `${path}.${key}`));
  return Object.assign({}, ...members) as Record<string, string>;
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** Where two shapes differ. Null fits everything, and so does an empty list, which is null here. */
function differences(a: Record<string, string>, b: Record<string, string>): string[] {
  const open = [a, b].flatMap((shape) => Object.keys(shape).filter((path) => shape[path] === 'null'));
  const isOpen = (path: string): boolean =>
    open.some((prefix) => path === prefix || path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`));
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((path) => a[path] !== b[path] && !isOpen(path));
}
