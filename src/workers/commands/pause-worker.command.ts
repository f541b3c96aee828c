import { Inject } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import { messageOf } from '../../platform/errors.js';
import { abandonPause, recordActivity, requestPause } from '../domain/cml-worker.decisions.js';
import type { PauseAbandonedReason } from '../domain/cml-worker.events.js';
import type { CMLWorkerState, PauseIntent } from '../domain/cml-worker.js';
import type { TelemetryReading } from '../domain/telemetry.js';
import { TelemetryUnavailable } from '../gateways/cml-api.port.js';
import { WorkerTelemetry } from '../gateways/worker-telemetry.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { WorkerPower } from './worker-power.js';
import type { LoadedWorker } from './workers.repository.js';
import { WorkersRepository } from './workers.repository.js';

export interface PauseWorkerResult {
  /** True when the worker is down now, whoever did it. */
  readonly paused: boolean;
  /** False when there was nothing to do, because the worker was down or an auto-pause was no longer due. */
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
    private readonly clock: Clock,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
  ) {}

  async execute(command: PauseWorkerCommand): Promise<PauseWorkerResult> {
    await this.workers.get(command.workerId, command.awsRegion);
    return this.power.exclusively(command.workerId, () => this.pause(command));
  }

  private async pause({ workerId, awsRegion, reason, context }: PauseWorkerCommand): Promise<PauseWorkerResult> {
    await this.power.settle(workerId, context);
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
      return {
        paused: isPowerDown(requested.state),
        changed: false,
        abandonedBecause: null,
        position: requested.position,
      };
    }
    const refusedBy = await this.lastLook(workerId, awsRegion, pause, context);
    if (refusedBy) return refusedBy;
    const { state } = await this.workers.get(workerId);
    const outcome = await this.power.carryOutPause(state, pause, context);
    return { ...outcome, changed: outcome.paused };
  }

  /** Activity or a resume that lands between the decision and the stop wins. */
  private async lastLook(
    workerId: string,
    awsRegion: string | undefined,
    pause: PauseIntent,
    context: CommandContext,
  ): Promise<PauseWorkerResult | undefined> {
    const activity =
      pause.reason === 'idle_timeout' ? await this.activitySince(workerId, awsRegion, pause, context) : undefined;
    if (activity) return activity;
    const { state } = await this.workers.get(workerId);
    if (state.power.kind !== 'pausing' || !state.power.resume) return undefined;
    const outcome = await this.power.abandonPause(state, pause, 'resume_requested', null, context);
    return { ...outcome, changed: false };
  }

  private async activitySince(
    workerId: string,
    awsRegion: string | undefined,
    pause: PauseIntent,
    context: CommandContext,
  ): Promise<PauseWorkerResult | undefined> {
    const worker = await this.workers.get(workerId, awsRegion);
    try {
      const reading = await this.telemetry.read(worker.state);
      return reading.newCount === 0 ? undefined : await this.activityWins(worker, pause, reading, context);
    } catch (error) {
      if (!(error instanceof TelemetryUnavailable)) throw error;
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
    return { paused: false, changed: true, abandonedBecause: 'recent_activity', position: done.position };
  }
}

function pendingPause(state: CMLWorkerState): PauseIntent | undefined {
  return state.kind === 'registered' && state.power.kind === 'pausing' ? state.power.pause : undefined;
}

function isPowerDown(state: CMLWorkerState): boolean {
  return state.kind === 'registered' && state.power.kind === 'down';
}
