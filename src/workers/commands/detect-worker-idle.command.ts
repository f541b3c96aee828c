import { Inject } from '@nestjs/common';
import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandBus, CommandHandler } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import type { Lease } from '../../platform/leases/leases.port.js';
import { Leases } from '../../platform/leases/leases.port.js';
import { LOGGER } from '../../platform/observability/logger.js';
import { hasPendingIntent } from '../domain/cml-worker.decisions.js';
import type { PauseAbandonedReason } from '../domain/cml-worker.events.js';
import type { RegisteredWorker } from '../domain/cml-worker.js';
import { decideIdle, whyNotActed } from '../domain/idle-policy.js';
import type { IdleDecision, NotActedBecause } from '../domain/idle-policy.js';
import type { CmlTelemetry } from '../gateways/cml-api.port.js';
import { TelemetryUnavailable } from '../gateways/cml-api.port.js';
import { WorkerTelemetry } from '../gateways/worker-telemetry.js';
import { LastCheckErrors } from '../projections/last-check-errors.js';
import { WorkersMetrics } from '../workers-metrics.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { PauseWorkerCommand } from './pause-worker.command.js';
import type { UpdateWorkerActivityResult } from './update-worker-activity.command.js';
import { UpdateWorkerActivityCommand } from './update-worker-activity.command.js';
import { WorkerPower } from './worker-power.js';
import type { LoadedWorker } from './workers.repository.js';
import { WorkersRepository } from './workers.repository.js';

/** What a check found and did (source document: IdleDetectionResultDto). */
export interface IdleDetectionResult {
  readonly worker: RegisteredWorker;
  readonly idle: IdleDecision;
  readonly paused: boolean;
  readonly notActedBecause: NotActedBecause | PauseAbandonedReason | null;
  /** Null when telemetry was not asked, because the worker is not running. */
  readonly check: UpdateWorkerActivityResult['recorded'] | null;
  readonly position: Position | null;
}

/** How a check takes turns with others. */
export interface CheckPace {
  /** Does what asks CML or EC2, when it is this check's turn. */
  ask<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when what CML said may be recorded. */
  toRecord(): Promise<void>;
}

/** The pace of a check that somebody waits for. */
const AT_ONCE: CheckPace = { ask: (work) => work(), toRecord: () => Promise.resolve() };

/** Checks one worker's telemetry, records what it says, and pauses the worker if that is due. */
export class DetectWorkerIdleCommand extends Command<IdleDetectionResult> {
  constructor(
    readonly workerId: string,
    /** When given, the worker must be of this region. */
    readonly awsRegion: string | undefined,
    readonly context: CommandContext,
    /** When the job looks again, epoch ms; without it the plan stays as it was. */
    readonly nextCheckAt?: number,
    readonly pace: CheckPace = AT_ONCE,
  ) {
    super();
  }
}

@CommandHandler(DetectWorkerIdleCommand)
export class DetectWorkerIdleHandler implements ICommandHandler<DetectWorkerIdleCommand> {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly power: WorkerPower,
    private readonly telemetry: WorkerTelemetry,
    private readonly lastCheckErrors: LastCheckErrors,
    private readonly commandBus: CommandBus,
    private readonly leases: Leases,
    private readonly clock: Clock,
    private readonly metrics: WorkersMetrics,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async execute(command: DetectWorkerIdleCommand): Promise<IdleDetectionResult> {
    await this.workers.get(command.workerId, command.awsRegion);
    // One check of a worker at a time: what is new is relative to what the last check has seen.
    return this.leases.hold(`check/${command.workerId}`, (lease) => this.detect(lease, command));
  }

  private async detect(lease: Lease, command: DetectWorkerIdleCommand): Promise<IdleDetectionResult> {
    const { workerId, context, pace } = command;
    const { worker, reading } = await pace.ask(() => this.look(workerId, context));
    if (reading === null) return this.notRunning(worker);
    await pace.toRecord();
    lease.assertHeld();
    const at = this.clock.now();
    const check = this.telemetry.checkContext(worker.state, at, reading.clockSkewMs, command.nextCheckAt);
    const updated = await this.commandBus.execute(
      new UpdateWorkerActivityCommand(workerId, reading, check, stepOf(context, 'update activity')),
    );
    await this.lastCheckErrors.clear(workerId);
    this.metrics.checks.inc({ reason: updated.idle.reason });
    this.logDecision(worker.state, updated);
    return updated.due ? pace.ask(() => this.pause(command, updated)) : resultOf(updated);
  }

  /** The worker and what its CML says; null when the worker is not running, so that there is nobody to ask. */
  private async look(
    workerId: string,
    context: CommandContext,
  ): Promise<{ worker: LoadedWorker; reading: CmlTelemetry | null }> {
    const worker = await this.settled(workerId, context);
    return { worker, reading: worker.state.status === 'running' ? await this.readTelemetry(worker.state) : null };
  }

  /** The worker, with what an earlier process left undone finished or abandoned first. */
  private async settled(workerId: string, context: CommandContext): Promise<LoadedWorker> {
    const worker = await this.workers.get(workerId);
    if (!hasPendingIntent(worker.state)) return worker;
    await this.power.exclusively(workerId, (lease) => this.power.settle(lease, workerId, context));
    return this.workers.get(workerId);
  }

  private async readTelemetry(worker: RegisteredWorker): Promise<CmlTelemetry> {
    try {
      return await this.telemetry.read(worker);
    } catch (error) {
      if (error instanceof TelemetryUnavailable) {
        const { worker_id, name } = worker;
        this.metrics.telemetryFailures.inc({ failure: error.failure });
        this.log.warn(
          { worker_id, name, failure: error.failure, error: error.message },
          'worker.telemetry_unavailable',
        );
        await this.lastCheckErrors.put(worker_id, this.clock.now(), error);
      }
      throw error;
    }
  }

  private async pause(
    command: DetectWorkerIdleCommand,
    updated: UpdateWorkerActivityResult,
  ): Promise<IdleDetectionResult> {
    const { workerId, context } = command;
    const pause = new PauseWorkerCommand(workerId, undefined, 'idle_timeout', {
      ...stepOf(context, 'pause'),
      actor: 'system',
    });
    const done = await this.commandBus.execute(pause);
    const { state } = await this.workers.get(workerId);
    const notActedBecause = done.changed
      ? null
      : (done.abandonedBecause ?? (done.paused ? 'not_running' : 'no_longer_due'));
    const idle = done.abandonedBecause === 'recent_activity' ? this.decide(state, true) : updated.idle;
    return {
      worker: state,
      idle,
      paused: done.changed,
      notActedBecause,
      check: updated.recorded,
      position: done.position ?? updated.position,
    };
  }

  private notRunning({ state, position }: LoadedWorker): IdleDetectionResult {
    const settings = idleSettingsOf(this.settings);
    const notActedBecause = whyNotActed(settings, { ...state, running: false });
    return { worker: state, idle: this.decide(state, false), paused: false, notActedBecause, check: null, position };
  }

  private decide(state: RegisteredWorker, newActivity: boolean): IdleDecision {
    return decideIdle(this.clock.now(), state, newActivity, idleSettingsOf(this.settings));
  }

  private logDecision({ worker_id, name }: RegisteredWorker, { recorded }: UpdateWorkerActivityResult): void {
    const { decision, last_activity_at, new_activity_count, telemetry_malformed_count } = recorded;
    this.log.info(
      { worker_id, name, ...decision, last_activity_at, new_activity_count, telemetry_malformed_count },
      'worker.checked',
    );
  }
}

/** What a check answers that has nothing to pause. */
function resultOf({
  worker,
  idle,
  notActedBecause,
  recorded,
  position,
}: UpdateWorkerActivityResult): IdleDetectionResult {
  return { worker, idle, paused: false, notActedBecause, check: recorded, position };
}
