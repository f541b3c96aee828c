/** How the workers of the lab differ. */
export type BehaviourName = 'busy' | 'idle' | 'never_used' | 'broken_telemetry' | 'stopped_from_console' | 'forgotten';

export interface Behaviour {
  /** One sentence, for people. */
  readonly story: string;
  /** How long before the lab's start it was last used, ms; null: never. */
  readonly lastUsedBefore: number | null;
  /** Whether somebody uses it while the lab runs (and the worker does). */
  readonly inUse: 'all_the_time' | 'at_first' | 'never';
  readonly telemetry: 'good' | 'broken';
  /** Somebody stops it in the EC2 console after a while, and starts it again later. */
  readonly stoppedFromConsole: boolean;
}

const HOUR = 3_600_000;
const QUIET = { inUse: 'never', telemetry: 'good', stoppedFromConsole: false } as const;

export const BEHAVIOURS: Readonly<Record<BehaviourName, Behaviour>> = {
  busy: { ...QUIET, story: 'in use all the time', lastUsedBefore: 0, inUse: 'all_the_time' },
  idle: { ...QUIET, story: 'was used hours ago; only automation since', lastUsedBefore: 2 * HOUR },
  never_used: { ...QUIET, story: 'nobody has ever used it', lastUsedBefore: null },
  broken_telemetry: {
    ...QUIET,
    story: 'its telemetry answers with errors, HTML or half a document',
    lastUsedBefore: 2 * HOUR,
    telemetry: 'broken',
  },
  stopped_from_console: {
    ...QUIET,
    story: 'in use, until somebody stops it in the EC2 console and later starts it again',
    lastUsedBefore: 0,
    inUse: 'all_the_time',
    stoppedFromConsole: true,
  },
  forgotten: { ...QUIET, story: 'in use at first, then left running', lastUsedBefore: 0, inUse: 'at_first' },
};

/** The durations of the lab, ms. */
export interface LabTimings {
  /** `stopping` to `stopped`. */
  readonly stoppingMs: number;
  /** `pending` to `running`. */
  readonly pendingMs: number;
  /** `running` to a CML that answers; in reality minutes. */
  readonly cmlBootMs: number;
  /** Between two things that a user does. */
  readonly useEveryMs: number;
  /** Between two rounds of automated telemetry. */
  readonly noiseEveryMs: number;
  /** From the lab's start until the user of a `forgotten` worker leaves. */
  readonly forgottenAfterMs: number;
  /** From the lab's start until somebody stops the `stopped_from_console` worker. */
  readonly consoleStopAfterMs: number;
  /** From then, once it has stopped, until somebody starts it again. */
  readonly consoleStartAfterMs: number;
}

export const DEFAULT_TIMINGS: LabTimings = {
  stoppingMs: 3_000,
  pendingMs: 3_000,
  cmlBootMs: 1_000,
  useEveryMs: 4_000,
  noiseEveryMs: 15_000,
  forgottenAfterMs: 10_000,
  consoleStopAfterMs: 20_000,
  consoleStartAfterMs: 20_000,
};

/** All durations times `factor`. */
export function paced(factor: number, timings: LabTimings = DEFAULT_TIMINGS): LabTimings {
  const entries = Object.entries(timings) as [keyof LabTimings, number][];
  return Object.fromEntries(entries.map(([name, ms]) => [name, ms * factor])) as Record<keyof LabTimings, number>;
}
