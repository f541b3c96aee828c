/** Where an instance, or a store, is killed or frozen: a table, read by cluster-trap.ts. */
import type { Moment } from '../crash-lab.js';
import type { Purpose } from '../steps.js';

/** `freeze`: SIGSTOP for longer than a lease lasts, then SIGCONT. */
export type Harm = 'kill' | 'freeze';

/** A request to a CML or to EC2. */
interface RequestPoint {
  readonly action: string;
  readonly stage: Moment['stage'];
  readonly purpose: Purpose;
  /** It is never carried out. */
  readonly lose?: boolean;
}

export type ClusterPoint =
  /** Whoever sent it; `first`, whoever sent that is killed, which leaves what this one is about. */
  | (RequestPoint & { readonly at: 'request'; readonly first?: RequestPoint })
  /** Whoever holds one of the leases whose name begins so. */
  | { readonly at: 'holding'; readonly lease: string }
  /** Whoever runs the projection of the workers, while there are events that it does not show yet. */
  | { readonly at: 'projecting' }
  /** Whoever took over from the one before, at first sight. */
  | { readonly at: 'taken over'; readonly lease: string }
  /** One that is starting. */
  | { readonly at: 'starting' }
  | { readonly at: 'random'; readonly withinMs: number }
  | { readonly at: 'store'; readonly store: 'EventStoreDB' | 'MongoDB' };

export interface ClusterStep {
  readonly name: string;
  readonly harm: Harm;
  readonly point: ClusterPoint;
}

const REQUESTS: readonly (readonly [name: string, point: RequestPoint])[] = [
  ['job run: telemetry is asked for', { action: 'telemetry', stage: 'arrived', purpose: 'first look' }],
  ['auto-pause: intent written, last look', { action: 'telemetry', stage: 'answered', purpose: 'last look' }],
  [
    'auto-pause: StopInstances arrives, is never carried out',
    { action: 'StopInstances', stage: 'arrived', purpose: 'auto-pause', lose: true },
  ],
  [
    'auto-pause: StopInstances carried out, not answered',
    { action: 'StopInstances', stage: 'done', purpose: 'auto-pause' },
  ],
  ['auto-pause: StopInstances is answered', { action: 'StopInstances', stage: 'answered', purpose: 'auto-pause' }],
  [
    'manual pause: StopInstances carried out, not answered',
    { action: 'StopInstances', stage: 'done', purpose: 'manual pause' },
  ],
  ['resume: StartInstances carried out, not answered', { action: 'StartInstances', stage: 'done', purpose: 'resume' }],
  [
    'job run: EC2 is asked for all instances',
    { action: 'DescribeInstances', stage: 'arrived', purpose: 'status sync' },
  ],
];

const HOLDERS: readonly (readonly [name: string, point: ClusterPoint])[] = [
  ['holder of a schedule', { at: 'holding', lease: 'schedule/' }],
  ['holder of a job, in the middle of a run', { at: 'holding', lease: 'job/' }],
  ['holder of a projection', { at: 'holding', lease: 'projection/' }],
  ['holder of a worker', { at: 'holding', lease: 'worker/' }],
  ['holder of a projection, in the middle of a batch', { at: 'projecting' }],
];

const BY_HARM = (['kill', 'freeze'] as const).flatMap((harm): ClusterStep[] => {
  const name = (what: string) => `${harm}: ${what}`;
  return [
    ...REQUESTS.map(([what, point]) => ({ name: name(what), harm, point: { at: 'request', ...point } as const })),
    {
      name: name('recovery by another instance: EC2 is asked for the state'),
      harm,
      point: {
        at: 'request',
        action: 'DescribeInstances',
        stage: 'arrived',
        purpose: 'auto-pause of an earlier process',
        first: { action: 'StopInstances', stage: 'done', purpose: 'auto-pause' },
      },
    },
    ...HOLDERS.map(([what, point]) => ({ name: name(what), harm, point })),
    {
      name: name('right after taking over a projection'),
      harm,
      point: { at: 'taken over', lease: 'projection/' },
    },
    {
      name: name('right after taking over a schedule'),
      harm,
      point: { at: 'taken over', lease: 'schedule/' },
    },
  ];
});

/** The order is that of the report. */
export const CLUSTER_STEPS: readonly ClusterStep[] = [
  ...BY_HARM,
  { name: 'kill: an instance that is starting', harm: 'kill', point: { at: 'starting' } },
];

/** Now and then, and not counted among the kills of instances. */
export const STORE_STEPS: readonly ClusterStep[] = (['EventStoreDB', 'MongoDB'] as const).flatMap((store) =>
  (['kill', 'freeze'] as const).map((harm) => ({ name: `${harm}: ${store}`, harm, point: { at: 'store', store } })),
);

export const RANDOM_KILL: ClusterStep = {
  name: 'kill: at random',
  harm: 'kill',
  point: { at: 'random', withinMs: 1500 },
};
export const RANDOM_FREEZE: ClusterStep = {
  name: 'freeze: at random',
  harm: 'freeze',
  point: { at: 'random', withinMs: 1500 },
};
