import { Inject } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { messageOf } from '../../platform/errors.js';
import type { Lease } from '../../platform/leases/leases.port.js';
import { recordActivity } from '../domain/activity-check.js';
import { abandonPause, isTerminated, requestPause, TERMINATED } from '../domain/cml-worker.decisions.js';
import type { PauseAbandonedReason } from '../domain/cml-worker.events.js';
import type { CMLWorkerState, PauseIntent } from '../domain/cml-worker.js';
import type { TelemetryReading } from '../domain/telemetry.js';
import { TelemetryUnavailable } from '../gateways/cml-api.port.js';
import { Ec2Refused } from '../gateways/ec2.port.js';
import { WorkerTelemetry } from '../gateways/worker-telemetry.js';
import { LastCheckErrors } from '../projections/last-check-errors.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { WorkerPower } from './worker-power.js';
import type { LoadedWorker } from './workers.repository.js';
import { WorkerCommandRefused, WorkersRepository } from './workers.repository.js';

export interface PauseWorkerResult {
  /** True when the worker is down now, whoever did it. */
  readonly paused: boolean;
  /** False when this command did not pause it: it was down already, or the pause was not due or abandoned. */
  readonly changed: boolean;
  readonly abandonedBecause: PauseAbandonedReason | null;
  readonly position: Position | null;
}

/**
 * Stops a worker and records why (source document: PauseWorkerCommand). Intent, EC2 StopInstances, WorkerPaused; safe to
 * crash between any two of them. Pausing a worker that is down succeeds and changes nothing.
 */
export class PauseWorkerCommand extends Command<PauseWorkerResult> {
  constructor(
    readonly workerId: string,
    /** When given, the worker must be of this region. */
    readonly awsRegion: string | undefined,
    readonly reason: 'idle_timeout' | 'manual',
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(PauseWorkerCommand)
export class PauseWorkerHandler implements ICommandHandler<PauseWorkerCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly power: WorkerPower,
    private readonly telemetry: WorkerTelemetry,
    private readonly lastCheckErrors: LastCheckErrors,
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  async execute(command: PauseWorkerCommand): Promise<PauseWorkerResult> {
    await this.workers.get(command.workerId, command.awsRegion);
    return this.power.exclusively(command.workerId, (lease) => this.pause(lease, command));
  }

  private async pause(lease: Lease, command: PauseWorkerCommand): Promise<PauseWorkerResult> {
    const { workerId, awsRegion, reason, context } = command;
    await this.power.settle(lease, workerId, context, reason === 'manual' ? { wish: 'pause' } : {});
    const requested = await this.workers.transact(workerId, stepOf(context, 'request pause'), (state) =>
      requestPause(state, {
        pauseId: context.commandId,
        reason,
        by: context.actor,
        at: this.clock.now(),
        settings: idleSettingsOf(this.settings),
      }),
    );
    const pause = pendingPause(requested.state);
    if (!pause) {
      if (requested.repeated) await this.refuseAsBefore(workerId, context);
      const paused = isPowerDown(requested.state);
      // A command that is repeated after its pause was recorded answers as it did then.
      const changed = paused && requested.repeated && !wasPausedOutside(requested.state);
      return { paused, changed, abandonedBecause: null, position: requested.position };
    }
    if (pause.reason === 'idle_timeout') {
      const overtaken = await this.activitySince(lease, workerId, awsRegion, pause, context);
      if (overtaken) return overtaken;
    }
    // A pause of an earlier command may be found here too, when EC2 could not be asked how it ended.
    const first = !requested.repeated && requested.events.length > 0;
    const outcome = await this.power.carryOutPause(lease, workerId, pause, first, context);
    return { ...outcome, changed: outcome.abandonedBecause === null };
  }

  /**
   * A command that EC2 refused answers so again when it is repeated under its key: with the recorded reason, and without
   * another call.
   */
  private async refuseAsBefore(workerId: string, context: CommandContext): Promise<void> {
    const step = stepOf(context, `abandon ${context.commandId}`);
    const { state, events } = await this.workers.transact(workerId, step, () => []);
    for (const event of events) {
      if (event.type !== 'WorkerPauseAbandoned' || event.data.reason !== 'ec2_refused') continue;
      if (state.kind === 'registered' && isTerminated(state.status)) throw new WorkerCommandRefused(TERMINATED);
      const code = event.data.detail ?? 'unknown';
      throw new Ec2Refused(
        code,
        'the answer to this command when it came first. Use a new Idempotency-Key to try again.',
      );
    }
  }

  /** Activity that landed since the decision wins, and so does a doubt about it. */
  private async activitySince(
    lease: Lease,
    workerId: string,
    awsRegion: string | undefined,
    pause: PauseIntent,
    context: CommandContext,
  ): Promise<PauseWorkerResult | undefined> {
    const worker = await this.workers.get(workerId, awsRegion);
    try {
      const reading = await this.telemetry.read(worker.state);
      // Reading may have taken long; another instance that has settled the intent meanwhile has read anew.
      lease.assertHeld();
      return reading.newCount === 0 ? undefined : await this.activityWins(worker, pause, reading, context);
    } catch (error) {
      if (!(error instanceof TelemetryUnavailable)) throw error;
      await this.lastCheckErrors.put(workerId, this.clock.now(), error);
      const outcome = await this.power.abandonPause(
        worker.state,
        pause,
        'telemetry_unavailable',
        messageOf(error),
        context,
      );
      return { ...outcome, changed: false };
    }
  }

  private async activityWins(
    worker: LoadedWorker,
    pause: PauseIntent,
    reading: TelemetryReading & { readonly clockSkewMs: number | null },
    context: CommandContext,
  ): Promise<PauseWorkerResult> {
    const at = this.clock.now();
    const check = this.telemetry.checkContext(worker.state, at, reading.clockSkewMs);
    const done = await this.workers.transact(worker.state.worker_id, stepOf(context, 'activity wins'), (state) => {
      const recorded = recordActivity(state, reading, check);
      const abandoned = abandonPause(state, pause.pause_id, 'recent_activity', null, at);
      return 'refused' in recorded ? recorded : 'refused' in abandoned ? abandoned : [...recorded, ...abandoned];
    });
    return { paused: false, changed: false, abandonedBecause: 'recent_activity', position: done.position };
  }
}

function pendingPause(state: CMLWorkerState): PauseIntent | undefined {
  return state.kind === 'registered' && state.power.kind === 'pausing' ? state.power.pause : undefined;
}

function isPowerDown(state: CMLWorkerState): boolean {
  return state.kind === 'registered' && state.power.kind === 'down';
}

function wasPausedOutside(state: CMLWorkerState): boolean {
  return state.kind === 'registered' && state.pause_reason === 'external';
}
