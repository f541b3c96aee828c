import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { AggregateStore } from '../../platform/commands/aggregate-store.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { eventIdOf, stepOf } from '../../platform/commands/command-context.js';
import { ConcurrencyConflict } from '../../platform/commands/concurrency-conflict.js';
import { KeyedQueue } from '../../platform/commands/keyed-queue.js';
import { DormouseError } from '../../platform/errors.js';
import { EventCodec } from '../../platform/event-store/event-codec.js';
import { AppendOutcomeUnknown, WrongExpectedRevision } from '../../platform/event-store/event-store.errors.js';
import { EventStore } from '../../platform/event-store/event-store.port.js';
import type { NewEvent } from '../../platform/event-store/event-store.port.js';
import type { SessionResumed, SessionStarted } from '../domain/coaching-session.events.js';
import { CoachingSession, isExpired } from '../domain/coaching-session.js';
import type { TopicClaim, TopicClaimed, TopicReservationState } from '../domain/topic-reservation.js';
import { TopicReservation, reservationIdOf } from '../domain/topic-reservation.js';
import { AutomaticPause } from './auto-pause-session.command.js';
import type { LoadedSession } from './sessions.repository.js';
import { SessionsRepository } from './sessions.repository.js';

/** 409: another session is active in the topic. */
export class SessionConflict extends DormouseError {
  constructor(topicId: string) {
    super('session_conflict', 409, `Another user’s session is active in the topic '${topicId}'. Try again later.`);
  }
}

/** Where at most one session is active. */
export interface TopicOfTenant {
  readonly tenantId: string;
  readonly topicId: string;
}

export type Activation = SessionStarted | SessionResumed;

/** A session that is to become active, as it was decided at a revision of its stream (-1: it does not exist yet). */
export interface Candidate {
  readonly sessionId: string;
  readonly userId: string;
  readonly revision: number;
  readonly activation: Activation;
}

/**
 * What to do about the session that is active now: let a candidate take the topic, be content with a session as it is, or
 * look again, because the candidate's own state shows that the topic has been claimed since.
 */
export type Proposal = { readonly candidate: Candidate } | { readonly content: LoadedSession } | 'look_again';

export interface Activated {
  readonly session: LoadedSession;
  /** The type of the event that made it active by this command; null when it was content with what there was. */
  readonly by: Activation['type'] | null;
}

/** How often the topic is claimed anew when others were faster; each time another one has become active in between. */
const ATTEMPTS = 8;

/** How often an append without an answer is repeated, ids and expected revision unchanged. */
const REPEATS = 3;

/**
 * At most one active session in each tenant and topic, on a store that has no unique indexes: every activation is first
 * claimed in the topic's own stream, then written to the session's; whoever finds a claim settles it before going on. Why
 * this holds under races and crashes is shown in docs/decisions/0020-one-active-session.md.
 */
@Injectable()
export class ActiveSessions {
  private readonly queue = new KeyedQueue();

  constructor(
    private readonly aggregates: AggregateStore,
    private readonly events: EventStore,
    private readonly codec: EventCodec,
    private readonly sessions: SessionsRepository,
    private readonly automaticPause: AutomaticPause,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes the proposed session the active one of its topic. A command that did so before (same command id) does nothing
   * and answers with that session.
   *
   * @param propose is asked with the session that is active now (never an expired one); may be asked again. What it
   *   throws ends the command with nothing written.
   * @throws {ConcurrencyConflict} others were faster each time
   */
  async activate(
    topic: TopicOfTenant,
    context: CommandContext,
    propose: (active: LoadedSession | null) => Promise<Proposal>,
  ): Promise<Activated> {
    const id = reservationIdOf(topic.tenantId, topic.topicId);
    // Rivals within this process queue up; those in others are met by the streams' revisions.
    return this.queue.run(id, async () => {
      let voidClaims = 0;
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        // A step is a claim that is written: a repeated command finds its own by counting in the same way.
        const outcome = await this.attempt(id, topic, stepOf(context, `claim ${voidClaims}`), propose);
        if (outcome === 'came_to_nothing') voidClaims++;
        else if (outcome !== 'others_were_faster') return outcome;
      }
      throw new ConcurrencyConflict(streamOf(id), ATTEMPTS);
    });
  }

  /** Looks, claims, activates. */
  private async attempt(
    id: string,
    topic: TopicOfTenant,
    step: CommandContext,
    propose: (active: LoadedSession | null) => Promise<Proposal>,
  ): Promise<Activated | 'others_were_faster' | 'came_to_nothing'> {
    const { state, revision } = await this.aggregates.load<TopicReservationState, TopicClaimed>(TopicReservation, id);
    // Looked for behind the load: one that is written later than that makes the append at this revision fail.
    const before = await this.claimedBefore(id, step);
    if (before) return this.activated(before);
    const proposal = await propose(state.claim && (await this.activeBy(state.claim, step)));
    if (proposal === 'look_again') return 'others_were_faster';
    if ('content' in proposal) return { session: proposal.content, by: null };
    const claim = this.claimOf(topic, proposal.candidate, step);
    const claimed = this.encode({ type: 'TopicClaimed', data: claim }, step);
    if (!(await this.append(streamOf(id), claimed, revision))) return 'others_were_faster';
    // The same command may run twice at once and propose differently: what the stream holds there is what counts.
    return this.activated(step.repeatable ? await this.claimAt(id, revision + 1) : claim);
  }

  /** Settles a claim; then its session if that is active. What is left active past its time ends here. */
  private async activeBy(claim: TopicClaim, context: CommandContext): Promise<LoadedSession | null> {
    let session = await this.sessions.find(claim.session_id);
    if ((session?.revision ?? -1) <= claim.session_revision) {
      if (await this.settle(claim)) await this.pauseIfStale(claim, context);
      session = await this.sessions.find(claim.session_id);
    }
    if (session?.state.status !== 'active') return null;
    const at = this.clock.now();
    if (!isExpired(session.state, at)) return session;
    await this.sessions.expire(claim.session_id, stepOf(context, `expire ${claim.session_id}`), at);
    return null;
  }

  /** What a dead process left long ago is active only from now on: it need not block anybody until the next sweep. */
  private async pauseIfStale({ session_id }: TopicClaim, context: CommandContext): Promise<void> {
    await this.automaticPause.pauseIfInactive(session_id, stepOf(context, `auto-pause ${session_id}`));
  }

  /** Finishes this command's own claim; it comes to nothing when the session had moved on. */
  private async activated(claim: TopicClaim): Promise<Activated | 'came_to_nothing'> {
    if (!(await this.settle(claim))) return 'came_to_nothing';
    const session = await this.sessions.find(claim.session_id);
    if (!session) throw new Error(`The activation of session ${claim.session_id} was written and is not there.`);
    return { session, by: claim.activation.type as Activation['type'] };
  }

  /**
   * Writes the claimed activation where it was decided, whoever claimed it. After that it is certain for ever whether it
   * took place: nothing else can come to that revision.
   *
   * @returns false when the session's stream had something else there
   */
  private settle({ session_id, session_revision, activation }: TopicClaim): Promise<boolean> {
    return this.append(`${CoachingSession.category}-${session_id}`, activation as NewEvent, session_revision);
  }

  /**
   * Appends at exactly this revision (-1: no stream). An unknown outcome is settled by repeating, ids and revision unchanged.
   * @returns false when something else is there
   */
  private async append(stream: string, event: NewEvent, revision: number): Promise<boolean> {
    for (let repeat = 0; ; repeat++) {
      try {
        await this.events.append(stream, [event], revision === -1 ? 'no_stream' : revision);
        return true;
      } catch (error) {
        if (error instanceof WrongExpectedRevision) return false;
        if (!(error instanceof AppendOutcomeUnknown) || repeat >= REPEATS) throw error;
      }
    }
  }

  private claimOf(
    { tenantId, topicId }: TopicOfTenant,
    { sessionId, userId, revision, activation }: Candidate,
    step: CommandContext,
  ): TopicClaim {
    return {
      tenant_id: tenantId,
      topic_id: topicId,
      session_id: sessionId,
      user_id: userId,
      session_revision: revision,
      activation: this.encode(activation, stepOf(step, 'activate')),
      claimed_at: new Date(this.clock.now()).toISOString(),
    };
  }

  private encode(event: TopicClaimed | Activation, context: CommandContext): NewEvent {
    return this.codec.encode(event, eventIdOf(context.commandId, 0), {
      $correlationId: context.correlationId,
      $causationId: context.causationId,
      time: new Date(this.clock.now()).toISOString(),
      actor: context.actor,
      command_id: context.commandId,
      ...(context.repeatable && { keyed: true as const }),
    });
  }

  /** The claim that this command has made under this step before; only a command that may be sent again can have. */
  private async claimedBefore(id: string, step: CommandContext): Promise<TopicClaim | undefined> {
    if (!(await this.aggregates.wasCarriedOut<TopicReservationState, TopicClaimed>(TopicReservation, id, step))) {
      return undefined;
    }
    const found = await this.events.findEvent(streamOf(id), eventIdOf(step.commandId, 0));
    return found && this.codec.decode<TopicClaimed>(found).event.data;
  }

  /** The claim at a revision that an append of one has just reached. */
  private async claimAt(id: string, revision: number): Promise<TopicClaim> {
    for await (const recorded of this.events.readStream(streamOf(id), { from: revision, limit: 1 })) {
      return this.codec.decode<TopicClaimed>(recorded).event.data;
    }
    throw new Error(`The claim at revision ${revision} of '${streamOf(id)}' was written and is not there.`);
  }
}

function streamOf(reservationId: string): string {
  return `${TopicReservation.category}-${reservationId}`;
}
