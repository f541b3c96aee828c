import type { StoredEvent } from './service-api.js';

/** A command that a client sent, under a caller's name that no other command has. */
export interface SentCommand {
  readonly caller: string;
  readonly what: 'import' | 'forget' | 'policy' | 'pause' | 'resume' | 'blind resume';
  /** Null until the first import has been answered. */
  stream: string | null;
  /** How often it was sent. */
  attempts: number;
  acknowledged: {
    /** From the answer's consistency token. */
    readonly position: number | null;
    /** 202: the rest is done later. */
    readonly later: boolean;
  } | null;
}

/** The event that a command writes first, and the one that says it is done, each with the field that names the caller. */
const WRITES: Readonly<Record<SentCommand['what'], readonly (readonly [type: string, field: string])[]>> = {
  import: [['WorkerRegistered', 'registered_by']],
  forget: [['WorkerDeregistered', 'deregistered_by']],
  policy: [['WorkerPolicyChanged', 'changed_by']],
  pause: [
    ['WorkerPauseRequested', 'requested_by'],
    ['WorkerPaused', 'paused_by'],
  ],
  resume: [
    ['WorkerResumeRequested', 'requested_by'],
    ['WorkerResumed', 'resumed_by'],
  ],
  'blind resume': [
    ['WorkerResumeRequested', 'requested_by'],
    ['WorkerResumed', 'resumed_by'],
  ],
};

/** What the clients sent and what they were answered: kept outside of the service, so it survives every kill. */
export class Ledger {
  /**
   * @param attemptsMayBeLate an attempt that was given up may still be carried out after the command was answered elsewhere.
   * One that had found nothing to do has left nothing to be recognised by: a blind resume can so undo a later pause
   */
  constructor(
    private readonly attemptsMayBeLate = false,
    private readonly commands: SentCommand[] = [],
  ) {}

  /** As it is now: what is acknowledged from here on is not in it. */
  snapshot(): Ledger {
    return new Ledger(
      this.attemptsMayBeLate,
      this.commands.map((command) => ({ ...command })),
    );
  }

  /** Writes down a command before it is sent for the first time. */
  open(what: SentCommand['what'], caller: string, stream: string | null): SentCommand {
    const command: SentCommand = { caller, what, stream, attempts: 0, acknowledged: null };
    this.commands.push(command);
    return command;
  }

  get acknowledged(): number {
    return this.commands.filter((command) => command.acknowledged).length;
  }

  get resent(): number {
    return this.commands.filter(({ attempts }) => attempts > 1).length;
  }

  /**
   * Compares with the history. @param settled nothing is under way any more
   * @returns acknowledged commands without their events, and commands that were carried out twice
   */
  check(events: readonly StoredEvent[], settled: boolean): string[] {
    const byPosition = new Map(events.map((event) => [event.position, event]));
    const times = new Map<string, number>();
    for (const { type, data } of events) {
      const field = CALLER_FIELD.get(type);
      if (field === undefined) continue;
      const key = `${type} ${String(data[field])}`;
      times.set(key, (times.get(key) ?? 0) + 1);
    }
    const late = this.lateResumes(times);
    return this.commands.flatMap((command) => [
      ...positionOf(command, byPosition),
      ...WRITES[command.what].flatMap(([type], step) => {
        const found = times.get(`${type} ${command.caller}`) ?? 0;
        const wanted = isPromised(command, step, settled) ? 1 : 0;
        if (found >= wanted && found <= 1) return [];
        if (found === 0 && late.excuse(command)) return [];
        const state = command.acknowledged ? 'acknowledged' : 'sent';
        return [
          `${command.what} by ${command.caller} in ${command.stream} was ${state}: ${found} ${type} instead of ${wanted || '0 or 1'}`,
        ];
      }),
    ]);
  }

  /** Blind resumes that may have come late: each of them leaves one other pause or resume of the worker nothing to do. */
  private lateResumes(times: ReadonlyMap<string, number>): { excuse(command: SentCommand): boolean } {
    const left = new Map<string | null, number>();
    const excused = new Set<SentCommand>();
    for (const { what, attempts, caller, stream } of this.attemptsMayBeLate ? this.commands : []) {
      const isLate = what === 'blind resume' && attempts > 1 && times.has(`WorkerResumeRequested ${caller}`);
      if (isLate) left.set(stream, (left.get(stream) ?? 0) + 1);
    }
    return {
      excuse(command) {
        if (excused.has(command)) return true;
        const count = left.get(command.stream) ?? 0;
        if (count === 0 || (command.what !== 'pause' && command.what !== 'resume')) return false;
        left.set(command.stream, count - 1);
        excused.add(command);
        return true;
      },
    };
  }
}

/** By type of event, the field that names the caller. */
const CALLER_FIELD: ReadonlyMap<string, string> = new Map(Object.values(WRITES).flat());

function isPromised({ what, acknowledged }: SentCommand, step: number, settled: boolean): boolean {
  if (!acknowledged || what === 'blind resume') return false;
  return step === 0 || !acknowledged.later || settled;
}

function positionOf({ what, caller, stream, acknowledged }: SentCommand, at: Map<number, StoredEvent>): string[] {
  if (!acknowledged || acknowledged.position === null) return [];
  const event = at.get(acknowledged.position);
  if (event?.stream === stream) return [];
  const found = event ? `an event of ${event.stream}` : 'nothing';
  return [
    `${what} by ${caller} in ${stream} was acknowledged up to position ${acknowledged.position}, where ${found} is`,
  ];
}
