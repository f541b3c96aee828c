/** Where the service is killed: a table, read by trap.ts. */
import type { Moment } from './crash-lab.js';

/** What a request of the service is for. */
export type Purpose =
  | 'first look'
  | 'last look'
  | 'auto-pause'
  | 'manual pause'
  | 'resume'
  | 'import'
  | 'status sync'
  | 'auto-pause of an earlier process'
  | 'manual pause of an earlier process'
  | 'resume of an earlier process';

export type KillPoint =
  /** At a request of the service. `lose`: the request is never carried out. */
  | {
      readonly at: 'request';
      readonly action: string;
      readonly stage: Moment['stage'];
      readonly purpose: Purpose;
      readonly lose?: boolean;
    }
  /** Right after an event of this type (and reason) is in the history. */
  | { readonly at: 'event'; readonly type: string; readonly reason?: string }
  /** While there are events that a read model does not show yet. */
  | { readonly at: 'projecting' }
  | { readonly at: 'rebuilding' }
  | { readonly at: 'starting' }
  /** So many ms after the process was started at most. */
  | { readonly at: 'random'; readonly withinMs: number };

export interface Step {
  readonly name: string;
  readonly point: KillPoint;
  /** Only comes when the kill before was this one: it leaves the intent that is found here. */
  readonly after?: string;
}

/** A table's row: a request and its three instants. */
function request(
  purpose: Purpose,
  action: string,
  stages: Partial<Record<'arrived' | 'lost' | 'done' | 'answered', string>>,
  after?: string,
): Step[] {
  return Object.entries(stages).map(([stage, name]) => {
    const lose = stage === 'lost';
    const point = {
      at: 'request',
      action,
      purpose,
      stage: (lose ? 'arrived' : stage) as Moment['stage'],
      lose,
    } as const;
    return { name, point, ...(after === undefined ? {} : { after }) };
  });
}

const AUTO_STOP_LOST = 'auto-pause: StopInstances arrives, is never carried out';
const MANUAL_STOP_LOST = 'manual pause: StopInstances arrives, is never carried out';
const START_LOST = 'resume: StartInstances arrives, is never carried out';

/** The order is that of the report. */
export const NAMED_STEPS: readonly Step[] = [
  ...request('first look', 'telemetry', {
    arrived: 'check: telemetry is asked for',
    answered: 'check: telemetry is answered',
  }),
  ...request('last look', 'telemetry', {
    arrived: 'auto-pause: intent written, last look at telemetry',
    answered: 'auto-pause: last look is answered',
  }),
  ...request('auto-pause', 'StopInstances', {
    lost: AUTO_STOP_LOST,
    done: 'auto-pause: StopInstances carried out, not answered',
    answered: 'auto-pause: StopInstances is answered',
  }),
  {
    name: 'auto-pause: WorkerPaused is appended',
    point: { at: 'event', type: 'WorkerPaused', reason: 'idle_timeout' },
  },
  ...request('manual pause', 'StopInstances', {
    lost: MANUAL_STOP_LOST,
    done: 'manual pause: StopInstances carried out, not answered',
    answered: 'manual pause: StopInstances is answered',
  }),
  { name: 'manual pause: WorkerPaused is appended', point: { at: 'event', type: 'WorkerPaused', reason: 'manual' } },
  ...request('resume', 'DescribeInstances', {
    arrived: 'resume: intent written, EC2 is asked for the state',
    answered: 'resume: EC2 has answered the state',
  }),
  ...request('resume', 'StartInstances', {
    lost: START_LOST,
    done: 'resume: StartInstances carried out, not answered',
    answered: 'resume: StartInstances is answered',
  }),
  { name: 'resume: WorkerResumed is appended', point: { at: 'event', type: 'WorkerResumed' } },
  ...request('import', 'DescribeInstances', {
    arrived: 'import: EC2 is asked for the instance',
    answered: 'import: EC2 has answered the instance',
  }),
  { name: 'import: WorkerRegistered is appended', point: { at: 'event', type: 'WorkerRegistered' } },
  { name: 'forget: WorkerDeregistered is appended', point: { at: 'event', type: 'WorkerDeregistered' } },
  ...request('status sync', 'DescribeInstances', {
    arrived: 'status sync: EC2 is asked for all instances',
    answered: 'status sync: EC2 has answered all instances',
  }),
  ...request(
    'auto-pause of an earlier process',
    'DescribeInstances',
    {
      arrived: 'recovery of an auto-pause: EC2 is asked for the state',
      answered: 'recovery of an auto-pause: EC2 has answered the state',
    },
    AUTO_STOP_LOST,
  ),
  {
    name: 'recovery of an auto-pause: WorkerPauseAbandoned is appended',
    point: { at: 'event', type: 'WorkerPauseAbandoned', reason: 'decided_afresh' },
    after: AUTO_STOP_LOST,
  },
  ...request(
    'auto-pause of an earlier process',
    'DescribeInstances',
    { done: 'recovery of an auto-pause that was carried out: EC2 is asked for the state' },
    'auto-pause: StopInstances carried out, not answered',
  ),
  ...request(
    'manual pause of an earlier process',
    'DescribeInstances',
    { arrived: 'recovery of a manual pause: EC2 is asked for the state' },
    'manual pause: StopInstances carried out, not answered',
  ),
  ...request(
    'manual pause of an earlier process',
    'StopInstances',
    {
      lost: 'recovery of a manual pause: StopInstances arrives, is never carried out',
      done: 'recovery of a manual pause: StopInstances carried out, not answered',
    },
    MANUAL_STOP_LOST,
  ),
  ...request(
    'resume of an earlier process',
    'DescribeInstances',
    { arrived: 'recovery of a resume: EC2 is asked for the state' },
    'resume: StartInstances carried out, not answered',
  ),
  ...request(
    'resume of an earlier process',
    'StartInstances',
    { done: 'recovery of a resume: StartInstances carried out, not answered' },
    START_LOST,
  ),
  { name: 'read model: events stored that it does not show yet', point: { at: 'projecting' } },
  { name: 'read model: a rebuild is under way', point: { at: 'rebuilding' } },
  { name: 'the service is starting', point: { at: 'starting' } },
];

export const RANDOM_STEP: Step = { name: 'at random', point: { at: 'random', withinMs: 2500 } };
