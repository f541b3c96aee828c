import { pino } from 'pino';
import { ActiveSessions } from '../../src/coaching/commands/active-sessions.js';
import {
  AutoPauseSessionCommand,
  AutoPauseSessionHandler,
  AutomaticPause,
} from '../../src/coaching/commands/auto-pause-session.command.js';
import { CancelSessionCommand, CancelSessionHandler } from '../../src/coaching/commands/cancel-session.command.js';
import { OwnSessions } from '../../src/coaching/commands/own-sessions.js';
import { PauseSessionCommand, PauseSessionHandler } from '../../src/coaching/commands/pause-session.command.js';
import { RecordMessageCommand, RecordMessageHandler } from '../../src/coaching/commands/record-message.command.js';
import type { RecordMessageResult } from '../../src/coaching/commands/record-message.command.js';
import {
  ResumeSessionCommand,
  ResumeSessionHandler,
  SessionResumption,
} from '../../src/coaching/commands/resume-session.command.js';
import type { LoadedSession } from '../../src/coaching/commands/sessions.repository.js';
import { SessionsRepository } from '../../src/coaching/commands/sessions.repository.js';
import { StartSessionCommand, StartSessionHandler } from '../../src/coaching/commands/start-session.command.js';
import type { StartSessionResult } from '../../src/coaching/commands/start-session.command.js';
import { CoachingMetrics } from '../../src/coaching/coaching-metrics.js';
import { CoachingSettings } from '../../src/coaching/coaching-settings.js';
import { coachingSessionContract } from '../../src/coaching/contracts/coaching-session.contract.js';
import { coachingTopicContract } from '../../src/coaching/contracts/coaching-topic.contract.js';
import type { CoachingSessionEvent } from '../../src/coaching/domain/coaching-session.events.js';
import { CoachingSession } from '../../src/coaching/domain/coaching-session.js';
import type { CoachingSessionState } from '../../src/coaching/domain/coaching-session.js';
import { CoachingTopics } from '../../src/coaching/domain/coaching-topic.js';
import type { SessionOwner } from '../../src/coaching/domain/session-owner.js';
import type { Clock } from '../../src/platform/clock.js';
import { AggregateStore } from '../../src/platform/commands/aggregate-store.js';
import { keyedCommandContext, newCommandContext } from '../../src/platform/commands/command-context.js';
import type { CommandContext } from '../../src/platform/commands/command-context.js';
import { SnapshotStore } from '../../src/platform/commands/snapshot-store.js';
import { EventCodec } from '../../src/platform/event-store/event-codec.js';
import type { EventStore, RecordedEvent } from '../../src/platform/event-store/event-store.port.js';
import { Metrics } from '../../src/platform/observability/metrics.js';
import type { ReadModelStore } from '../../src/platform/read-models/read-model-store.port.js';

const log = pino({ level: 'silent' });
const metrics = new CoachingMetrics(new Metrics());

export const coachingCodec = new EventCodec();
coachingCodec.registerCategory(coachingSessionContract);
coachingCodec.registerCategory(coachingTopicContract);

/** The coaching commands of one instance of the service: state cached on its own, the event store shared with others. */
export class CoachingInstance {
  private readonly handlers;

  /** @param readModels where snapshots are kept */
  constructor(events: EventStore, readModels: ReadModelStore, clock: Clock) {
    const aggregates = new AggregateStore(events, coachingCodec, new SnapshotStore(readModels, log), clock);
    const sessions = new SessionsRepository(aggregates);
    const topics = new CoachingTopics();
    const autoPause = new AutomaticPause(sessions, topics, clock, metrics, new CoachingSettings(), log);
    const active = new ActiveSessions(aggregates, events, coachingCodec, sessions, autoPause, clock);
    const resumption = new SessionResumption(active, sessions, clock, metrics);
    this.handlers = {
      start: new StartSessionHandler(active, new OwnSessions(sessions), sessions, topics, clock, metrics, log),
      resume: new ResumeSessionHandler(resumption),
      say: new RecordMessageHandler(sessions, resumption, topics, clock, metrics),
      pause: new PauseSessionHandler(sessions, clock),
      cancel: new CancelSessionHandler(sessions, clock),
      sweep: new AutoPauseSessionHandler(autoPause),
    };
  }

  start(owner: SessionOwner, topicId = 'core_values', key?: string): Promise<StartSessionResult> {
    return this.handlers.start.execute(new StartSessionCommand(topicId, owner, contextOf(owner, key)));
  }

  resume(owner: SessionOwner, sessionId: string, key?: string): Promise<LoadedSession> {
    return this.handlers.resume.execute(new ResumeSessionCommand(sessionId, owner, contextOf(owner, key)));
  }

  say(owner: SessionOwner, sessionId: string, key?: string): Promise<RecordMessageResult> {
    const command = new RecordMessageCommand(sessionId, owner, 'user', 'Hello.', contextOf(owner, key));
    return this.handlers.say.execute(command);
  }

  pause(owner: SessionOwner, sessionId: string): Promise<LoadedSession> {
    return this.handlers.pause.execute(new PauseSessionCommand(sessionId, owner, contextOf(owner)));
  }

  cancel(owner: SessionOwner, sessionId: string): Promise<LoadedSession> {
    return this.handlers.cancel.execute(new CancelSessionCommand(sessionId, owner, contextOf(owner)));
  }

  /** What the sweep does to one session. */
  sweep(sessionId: string): Promise<{ paused: boolean }> {
    return this.handlers.sweep.execute(new AutoPauseSessionCommand(sessionId, newCommandContext('system')));
  }
}

function contextOf({ tenantId, userId }: SessionOwner, key?: string): CommandContext {
  return key === undefined ? newCommandContext(userId) : keyedCommandContext(`${tenantId}/${userId}`, key, userId);
}

/** What a history of sessions came to. */
export interface SessionsNow {
  /** By session id. */
  readonly sessions: ReadonlyMap<string, CoachingSessionState>;
  /** The most sessions that were active at the same time in any one tenant and topic. */
  readonly mostActiveAtOnce: number;
  readonly active: readonly string[];
}

/** Folds the events of sessions in their global order, looking after each of them who is active. */
export function foldSessions(events: readonly RecordedEvent[]): SessionsNow {
  const sessions = new Map<string, CoachingSessionState>();
  const places = new Map<string, Set<string>>();
  let mostActiveAtOnce = 0;
  for (const recorded of events) {
    if (!recorded.stream.startsWith('coachingSession-')) continue;
    const { event } = coachingCodec.decode<CoachingSessionEvent>(recorded);
    const state = CoachingSession.evolve(sessions.get(recorded.stream) ?? CoachingSession.initialState, event);
    sessions.set(recorded.stream, state);
    if (state.kind !== 'started') throw new Error(`'${recorded.stream}' does not begin with a start.`);
    const place = `${state.tenant_id} ${state.topic_id}`;
    const active = places.get(place) ?? new Set();
    if (state.status === 'active') active.add(state.session_id);
    else active.delete(state.session_id);
    places.set(place, active);
    mostActiveAtOnce = Math.max(mostActiveAtOnce, active.size);
  }
  const byId = new Map([...sessions].map(([stream, state]) => [stream.slice('coachingSession-'.length), state]));
  return { sessions: byId, mostActiveAtOnce, active: [...places.values()].flatMap((ids) => [...ids]) };
}
