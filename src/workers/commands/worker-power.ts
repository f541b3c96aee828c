import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Clock } from '../../platform/clock.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import type { Lease } from '../../platform/leases/leases.port.js';
import { isHeld, LeaseLost, Leases } from '../../platform/leases/leases.port.js';
import { LOGGER } from '../../platform/observability/logger.js';
import {
  abandonPause,
  abandonResume,
  confirmPause,
  confirmResume,
  hasPendingIntent,
  isTerminated,
  TERMINATED,
} from '../domain/cml-worker.decisions.js';
import type { PauseAbandonedReason, ResumeAbandonedReason } from '../domain/cml-worker.events.js';
import type { PauseIntent, RegisteredWorker, ResumeIntent } from '../domain/cml-worker.js';
import { foundDown, foundUp, observeStatus } from '../domain/cml-worker.observation.js';
import type { WorkerStatus } from '../domain/worker-status.js';
import { Ec2, Ec2Refused } from '../gateways/ec2.port.js';
import type { PowerChange } from '../gateways/ec2.port.js';
import { WorkersMetrics } from '../workers-metrics.js';
import { WorkersSettings, idleSettingsOf } from '../workers-settings.js';
import { isPausing, isResuming, wasPaused } from './power-intents.js';
import { WorkerCommandRefused, WorkersRepository } from './workers.repository.js';

/** How a pause that was carried out ended. */
export interface PauseOutcome {
  /** True when the worker is down now; whoever did it, see `abandonedBecause`. */
  readonly paused: boolean;
  readonly abandonedBecause: PauseAbandonedReason | null;
  readonly position: Position | null;
}

/** What the caller of `settle` knows of an intent without outcome. */
export interface Circumstances {
  /** The worker is to be down, so a resume that EC2 has not begun is withdrawn instead of carried out. */
  readonly wish?: 'pause';
  /** The resume of this id was asked for by the caller itself: nothing was sent to EC2 for it yet. */
  readonly newResumeId?: string;
}

/**
 * Stopping and starting the instance between its intent and its outcome. Everything here runs under the worker's lease,
 * so an intent without outcome that is found here was left by a process that died, or by a call that got no answer:
 * EC2 is asked how things stand, and the pause or resume is finished or abandoned.
 *
 * An instance that was frozen may have lost the lease without knowing, and another one may have settled its intent. So
 * the lease is asked, and the aggregate read anew, right before each call that changes the instance; and what EC2 said
 * earlier is only acted on while the lease is held and the intent stands. {@link LeaseLost} leaves an intent, which the
 * next holder settles.
 */
@Injectable()
export class WorkerPower {
  constructor(
    private readonly workers: WorkersRepository,
    private readonly ec2: Ec2,
    private readonly leases: Leases,
    private readonly clock: Clock,
    private readonly metrics: WorkersMetrics,
    @Inject(WorkersSettings) private readonly settings: WorkersSettings,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Nobody else stops or starts this worker meanwhile, as long as the lease is held. */
  exclusively<T>(workerId: string, work: (lease: Lease) => Promise<T>): Promise<T> {
    return this.leases.hold(`worker/${workerId}`, work);
  }

  /**
   * The middle and the end of a pause whose intent is recorded: stop the instance, record the fact. A resume that was
   * asked for since the intent wins.
   * @param lease of {@link exclusively}
   * @param first no stop was sent for this intent before: an instance that is down already was stopped by somebody else
   * @throws {Ec2Refused} the pause is abandoned @throws {Ec2Unavailable} the intent stays and is settled by the next run
   * @throws {WorkerCommandRefused} worker_terminated: the pause is abandoned
   * @throws {LeaseLost} another instance may be at work; what is left of the intent is settled by the next run
   */
  async carryOutPause(
    lease: Lease,
    workerId: string,
    pause: PauseIntent,
    first: boolean,
    context: CommandContext,
  ): Promise<PauseOutcome> {
    const { state: worker } = await this.workers.get(workerId);
    if (!isPausing(worker, pause)) throw new LeaseLost(lease.name);
    if (worker.power.resume) return this.abandonPause(worker, pause, 'resume_requested', null, context);
    let change: PowerChange;
    try {
      // Asked before each attempt of the call as well: the first one of a process waits for the SDK, a throttled one is repeated.
      lease.assertHeld();
      change = await this.ec2.stopInstance(worker.aws_region, worker.aws_instance_id, () => lease.assertHeld());
    } catch (error) {
      if (!(error instanceof Ec2Refused)) throw error;
      await this.abandonPause(worker, pause, 'ec2_refused', error.ec2Code, context);
      // EC2 does not say in its refusal that the instance is gone for good; its description does.
      if (error.ec2Code === 'IncorrectInstanceState') await this.refuseTerminated(worker, context);
      throw error;
    }
    return first && isDown(change.previousStatus)
      ? this.leaveToOthers(worker, pause, change.status, context)
      : this.confirmStopped(lease, worker, pause, change.status, context);
  }

  /** Gives a pause up; the instance was not touched. */
  async abandonPause(
    worker: RegisteredWorker,
    pause: PauseIntent,
    reason: PauseAbandonedReason,
    detail: string | null,
    context: CommandContext,
  ): Promise<PauseOutcome> {
    const { worker_id } = worker;
    const { position } = await this.workers.transact(worker_id, stepOf(context, `abandon ${pause.pause_id}`), (state) =>
      abandonPause(state, pause.pause_id, reason, detail, this.clock.now()),
    );
    this.notePauseAbandoned(worker, pause, reason, detail);
    return { paused: false, abandonedBecause: reason, position };
  }

  /** The instance was down before our stop: not our pause, but one from outside. */
  private async leaveToOthers(
    worker: RegisteredWorker,
    pause: PauseIntent,
    status: WorkerStatus,
    context: CommandContext,
  ): Promise<PauseOutcome> {
    const step = stepOf(context, `abandon ${pause.pause_id}`);
    const { position } = await this.workers.transact(worker.worker_id, step, (state) =>
      foundDown(state, pause, status, this.clock.now(), idleSettingsOf(this.settings)),
    );
    this.notePauseAbandoned(worker, pause, 'already_down', null);
    return { paused: true, abandonedBecause: 'already_down', position };
  }

  private notePauseAbandoned(
    { worker_id, name }: RegisteredWorker,
    { pause_id }: PauseIntent,
    reason: PauseAbandonedReason,
    detail: string | null,
  ): void {
    this.metrics.abandonedPauses.inc({ reason });
    this.log.info({ worker_id, name, pause_id, reason, detail }, 'worker.pause_abandoned');
  }

  /**
   * Finishes or abandons what an earlier process left undone; returns at once when there is nothing.
   * @param lease of {@link exclusively} @param circumstances what the caller knows of it
   * @throws {Ec2Refused} @throws {Ec2Unavailable} @throws {LeaseLost}
   */
  async settle(
    lease: Lease,
    workerId: string,
    context: CommandContext,
    circumstances: Circumstances = {},
  ): Promise<void> {
    // A pause may be settled into a resume that waits behind it: two steps at most.
    for (let step = 1; step <= 2; step++) {
      const { state } = await this.workers.get(workerId);
      if (!hasPendingIntent(state)) return;
      const settled =
        state.power.kind === 'pausing'
          ? await this.settlePause(lease, state, state.power.pause, state.power.resume, context)
          : state.power.kind === 'resuming' &&
            (await this.settleResume(lease, state, state.power.resume, context, circumstances));
      if (!settled) return;
    }
  }

  private async settlePause(
    lease: Lease,
    worker: RegisteredWorker,
    pause: PauseIntent,
    resume: ResumeIntent | null,
    context: CommandContext,
  ): Promise<boolean> {
    const status = await this.statusOf(worker);
    lease.assertHeld();
    switch (status) {
      case 'stopped':
      case 'stopping':
        await this.confirmPause(worker, pause, status, context);
        return true;
      case 'terminated':
      case 'shutting-down':
        await this.abandonPause(worker, pause, 'terminated', null, context);
        await this.takeIn(worker, status, context);
        return true;
      case 'running':
      case 'pending':
      case 'starting':
        if (resume) await this.abandonPause(worker, pause, 'resume_requested', null, context);
        // What an auto-pause was decided on is old by now: the next check decides afresh, on fresh telemetry.
        else if (pause.reason === 'idle_timeout')
          await this.abandonPause(worker, pause, 'decided_afresh', null, context);
        else await this.carryOutPause(lease, worker.worker_id, pause, false, context);
        return true;
      case 'unknown':
        this.log.warn({ worker_id: worker.worker_id, pause_id: pause.pause_id }, 'worker.pause_unsettled');
        return false;
    }
  }

  private async settleResume(
    lease: Lease,
    worker: RegisteredWorker,
    resume: ResumeIntent,
    context: CommandContext,
    { wish, newResumeId }: Circumstances,
  ): Promise<boolean> {
    const first = resume.resume_id === newResumeId;
    const status = await this.statusOf(worker);
    lease.assertHeld();
    if (wish === 'pause' && (status === 'stopped' || status === 'stopping')) {
      await this.abandonResume(worker, resume, 'pause_requested', null, context);
      return true;
    }
    switch (status) {
      case 'running':
      case 'pending':
      case 'starting':
        await (first && isUp(status)
          ? this.abandonAlreadyUp(worker, resume, status, context)
          : this.confirmResume(worker, resume, status, context));
        return true;
      case 'stopped':
        await this.carryOutResume(lease, worker.worker_id, resume, first, context);
        return true;
      case 'terminated':
      case 'shutting-down':
        await this.abandonResume(worker, resume, 'terminated', null, context);
        await this.takeIn(worker, status, context);
        return true;
      case 'stopping':
      case 'unknown':
        // EC2 starts only what has stopped; the intent stays and the next run carries it out.
        this.log.info({ worker_id: worker.worker_id, resume_id: resume.resume_id, status }, 'worker.resume_waiting');
        return false;
    }
  }

  private async carryOutResume(
    lease: Lease,
    workerId: string,
    resume: ResumeIntent,
    first: boolean,
    context: CommandContext,
  ): Promise<void> {
    const { state: worker } = await this.workers.get(workerId);
    if (!isResuming(worker, resume)) throw new LeaseLost(lease.name);
    let change: PowerChange;
    try {
      lease.assertHeld();
      change = await this.ec2.startInstance(worker.aws_region, worker.aws_instance_id, () => lease.assertHeld());
    } catch (error) {
      if (error instanceof Ec2Refused) await this.abandonResume(worker, resume, 'ec2_refused', error.ec2Code, context);
      throw error;
    }
    await (first && isUp(change.previousStatus)
      ? this.abandonAlreadyUp(worker, resume, change.status, context)
      : this.confirmResume(worker, resume, change.status, context, () => isHeld(lease)));
  }

  /** The instance was up before our start: not our resume, but one from outside. */
  private async abandonAlreadyUp(
    worker: RegisteredWorker,
    resume: ResumeIntent,
    status: WorkerStatus,
    context: CommandContext,
  ): Promise<void> {
    const step = stepOf(context, `abandon ${resume.resume_id}`);
    await this.workers.transact(worker.worker_id, step, (state) =>
      foundUp(state, resume, status, this.clock.now(), idleSettingsOf(this.settings)),
    );
    this.noteResumeAbandoned(worker, resume, 'already_up', null);
  }

  /**
   * Our stop was answered. It is recorded even when the intent is gone, because a stop without its event must not exist;
   * but when the lease is gone as well, it was another instance that settled the intent, and what it recorded stands.
   */
  private async confirmStopped(
    lease: Lease,
    worker: RegisteredWorker,
    pause: PauseIntent,
    status: WorkerStatus,
    context: CommandContext,
  ): Promise<PauseOutcome> {
    const outcome = await this.confirmPause(worker, pause, status, context, () => isHeld(lease));
    if (!outcome.paused) throw new LeaseLost(lease.name);
    return outcome;
  }

  /**
   * @param evenWithoutIntent false: only while the intent stands, for what another instance may have settled meanwhile.
   * Asked at each decision: between two of them, on a conflict, the process may have been frozen
   */
  private async confirmPause(
    worker: RegisteredWorker,
    pause: PauseIntent,
    status: WorkerStatus,
    context: CommandContext,
    evenWithoutIntent: () => boolean = () => false,
  ): Promise<PauseOutcome> {
    const { worker_id } = worker;
    const step = stepOf(context, `confirm ${pause.pause_id}`);
    const { state, events, position } = await this.workers.transact(worker_id, step, (current) =>
      evenWithoutIntent() || isPausing(current, pause) ? confirmPause(current, pause, status, this.clock.now()) : [],
    );
    if (events.length > 0) {
      const { reason, requested_by: paused_by, idle_duration_minutes } = pause;
      this.metrics.pauses.inc({ reason });
      this.log.info({ worker_id, name: worker.name, reason, paused_by, idle_duration_minutes }, 'worker.paused');
    }
    return { paused: events.length > 0 || wasPaused(state), abandonedBecause: null, position };
  }

  /** @param evenWithoutIntent as for {@link confirmPause} */
  private async confirmResume(
    worker: RegisteredWorker,
    resume: ResumeIntent,
    status: WorkerStatus,
    context: CommandContext,
    evenWithoutIntent: () => boolean = () => false,
  ): Promise<void> {
    const { worker_id } = worker;
    const step = stepOf(context, `confirm ${resume.resume_id}`);
    const { events } = await this.workers.transact(worker_id, step, (current) =>
      evenWithoutIntent() || isResuming(current, resume)
        ? confirmResume(current, resume, status, this.clock.now())
        : [],
    );
    if (events.length === 0) return;
    this.metrics.resumes.inc({ reason: resume.reason });
    this.log.info({ worker_id, name: worker.name, resumed_by: resume.requested_by }, 'worker.resumed');
  }

  private async abandonResume(
    worker: RegisteredWorker,
    resume: ResumeIntent,
    reason: ResumeAbandonedReason,
    detail: string | null,
    context: CommandContext,
  ): Promise<void> {
    const { worker_id } = worker;
    await this.workers.transact(worker_id, stepOf(context, `abandon ${resume.resume_id}`), (state) =>
      abandonResume(state, resume.resume_id, reason, detail, this.clock.now()),
    );
    this.noteResumeAbandoned(worker, resume, reason, detail);
  }

  private noteResumeAbandoned(
    { worker_id, name }: RegisteredWorker,
    { resume_id }: ResumeIntent,
    reason: ResumeAbandonedReason,
    detail: string | null,
  ): void {
    this.log.info({ worker_id, name, resume_id, reason, detail }, 'worker.resume_abandoned');
  }

  /** @throws {WorkerCommandRefused} worker_terminated, if EC2 says so */
  private async refuseTerminated(worker: RegisteredWorker, context: CommandContext): Promise<void> {
    const status = await this.statusOf(worker);
    if (!isTerminated(status)) return;
    await this.takeIn(worker, status, context);
    throw new WorkerCommandRefused(TERMINATED);
  }

  /** Records a status that EC2 told in passing, so that the next command knows it. */
  private async takeIn({ worker_id }: RegisteredWorker, status: WorkerStatus, context: CommandContext): Promise<void> {
    const settings = idleSettingsOf(this.settings);
    await this.workers.transact(worker_id, stepOf(context, `observe ${status}`), (state) => {
      const powerChanges = state.kind === 'registered' ? state.power_changes : 0;
      return observeStatus(state, { status, launchTime: null, powerChanges, at: this.clock.now() }, settings);
    });
  }

  private async statusOf(worker: RegisteredWorker): Promise<WorkerStatus> {
    const { aws_region, aws_instance_id } = worker;
    const found = await this.ec2.describeInstances(aws_region, [aws_instance_id]);
    return found.get(aws_instance_id)?.status ?? 'unknown';
  }
}

function isDown(status: WorkerStatus): boolean {
  return status === 'stopped' || status === 'stopping';
}

function isUp(status: WorkerStatus): boolean {
  return status === 'running' || status === 'pending';
}
