import type { ICommandHandler } from '@nestjs/cqrs';
import { Command, CommandHandler } from '@nestjs/cqrs';
import { Clock } from '../../platform/clock.js';
import { isRefusal } from '../../platform/commands/aggregate.js';
import type { CommandContext } from '../../platform/commands/command-context.js';
import { stepOf } from '../../platform/commands/command-context.js';
import { CoachingMetrics } from '../coaching-metrics.js';
import { isWokenBy, recordMessage } from '../domain/coaching-session.decisions.js';
import type { MessageRole, SessionMessageRecorded } from '../domain/coaching-session.events.js';
import type { CoachingSessionState } from '../domain/coaching-session.js';
import { CoachingTopics } from '../domain/coaching-topic.js';
import type { SessionOwner } from '../domain/session-owner.js';
import { SessionResumption } from './resume-session.command.js';
import type { LoadedSession, SessionTransaction } from './sessions.repository.js';
import { SessionCommandRefused, SessionsRepository } from './sessions.repository.js';

export interface RecordMessageResult {
  readonly session: LoadedSession;
  readonly message: SessionMessageRecorded['data'];
  /** True when this message brought an automatically paused session back. */
  readonly resumed: boolean;
}

/** Something is said in a session; what its user says brings an automatically paused one back. */
export class RecordMessageCommand extends Command<RecordMessageResult> {
  constructor(
    readonly sessionId: string,
    readonly owner: SessionOwner,
    readonly role: MessageRole,
    readonly content: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RecordMessageCommand)
export class RecordMessageHandler implements ICommandHandler<RecordMessageCommand> {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly resumption: SessionResumption,
    private readonly topics: CoachingTopics,
    private readonly clock: Clock,
    private readonly metrics: CoachingMetrics,
  ) {}

  /**
   * A session that has to be resumed is resumed first, in an append of its own: should the process die in between, it is
   * active without the message, which its sender has no answer for and sends again.
   *
   * @throws {SessionCommandRefused} not there, not the caller's, not active and not to be woken, or no turns left
   * @throws {SessionConflict} it would have to be resumed, and another user's session is active in the topic
   */
  async execute({ sessionId, owner, role, content, context }: RecordMessageCommand): Promise<RecordMessageResult> {
    const { state } = await this.sessions.get(sessionId, owner);
    const record = (present: CoachingSessionState) => recordMessage(present, { role, content, at: this.clock.now() });
    const taken = await this.sessions.tryTransact(sessionId, context, record);
    if (!isRefusal(taken)) return this.result(taken, false);
    const present = (await this.sessions.find(sessionId))?.state ?? state;
    const wakes = this.topics.resumesOnMessage(present.topic_id) && isWokenBy(present, role, this.clock.now());
    if (!wakes) throw new SessionCommandRefused(taken);
    await this.resumption.resume(sessionId, owner, 'message', stepOf(context, 'resume'));
    return this.result(await this.sessions.transact(sessionId, context, record), true);
  }

  private result({ events, repeated, ...session }: SessionTransaction, resumed: boolean): RecordMessageResult {
    const [event] = events;
    if (event?.type !== 'SessionMessageRecorded') throw new Error('A message that was taken left no event.');
    if (!repeated) this.metrics.messages.inc({ role: event.data.role });
    return { session, message: event.data, resumed };
  }
}
