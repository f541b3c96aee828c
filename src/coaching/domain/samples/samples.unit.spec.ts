import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EventCodec } from '../../../platform/event-store/event-codec.js';
import type { RecordedEvent } from '../../../platform/event-store/event-store.port.js';
import { coachingSessionContract } from '../../contracts/coaching-session.contract.js';
import { coachingTopicContract } from '../../contracts/coaching-topic.contract.js';
import {
  abandonSession,
  autoPauseSession,
  cancelSession,
  completeSession,
  pauseSession,
  recordMessage,
  resumeSession,
  startSession,
} from '../coaching-session.decisions.js';
import type { CoachingSessionEvent } from '../coaching-session.events.js';
import { CoachingSession } from '../coaching-session.js';
import { TopicReservation } from '../topic-reservation.js';
import type { TopicClaimed } from '../topic-reservation.js';
import { specify } from '../../../../test/support/given-when-then.js';
import {
  CORE_VALUES,
  RULE,
  SESSION_ID,
  at,
  autoPaused,
  paused,
  started,
} from '../../../../test/support/coaching-history.js';

/** One committed event for each type and schema version that was ever stored, as the store hands it out. */
interface Sample {
  readonly file: string;
  readonly recorded: RecordedEvent;
}

const samples: Sample[] = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.json'))
  .map((file) => {
    const stored = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as RecordedEvent & {
      recorded_at: string;
    };
    const { recorded_at, ...event } = stored;
    return { file, recorded: { ...event, recordedAt: Date.parse(recorded_at) } };
  });

const TYPES = { ...coachingSessionContract.types, ...coachingTopicContract.types };
const codec = new EventCodec();
codec.registerCategory(coachingSessionContract);
codec.registerCategory(coachingTopicContract);

const ofSessions = samples.filter(({ recorded }) => recorded.stream.startsWith('coachingSession-'));

describe('The samples of stored events', () => {
  const versions = Object.entries(TYPES).flatMap(([type, { version }]) =>
    Array.from({ length: version }, (_, n) => `${type}.v${n + 1}.json`),
  );

  it('are there for each version of each registered type, and for nothing else', () => {
    expect(samples.map(({ file }) => file).sort()).toEqual(versions.sort());
  });

  it.each(samples)('$file is decoded to the present shape of its type', ({ file, recorded }) => {
    expect(file).toBe(`${recorded.type}.v${recorded.metadata.schema_version}.json`);
    const { event } = codec.decode(recorded);
    expect(shapeOf(event.data)).toEqual(shapeOf(writtenNow(event.type)));
  });

  it.each(ofSessions)('$file is folded without a loss', ({ recorded }) => {
    const { event } = codec.decode<CoachingSessionEvent>(recorded);
    const before = event.type === 'SessionStarted' ? [] : [started()];
    const folded = [...before, event].reduce(CoachingSession.evolve, CoachingSession.initialState);
    expect(folded).not.toEqual(before.reduce(CoachingSession.evolve, CoachingSession.initialState));
    expect(Object.values(folded)).not.toContain(undefined);
    expect(Object.values(folded).some(Number.isNaN)).toBe(false);
  });

  it('of one session together are its story', () => {
    const [first] = ofSessions.filter(({ recorded }) => recorded.type === 'SessionStarted');
    const story = ofSessions
      .map(({ recorded }) => recorded)
      .filter(({ stream }) => stream === first?.recorded.stream)
      .sort((a, b) => a.revision - b.revision)
      .map((recorded) => codec.decode<CoachingSessionEvent>(recorded).event);
    expect(story.slice(0, -1).reduce(CoachingSession.evolve, CoachingSession.initialState)).toMatchObject({
      status: 'paused',
      pause_reason: 'inactivity',
      message_count: 1,
      updated_at: Date.parse('2026-03-04T12:20:00.000Z'),
    });
    expect(story.reduce(CoachingSession.evolve, CoachingSession.initialState)).toMatchObject({
      status: 'completed',
      result_json: '{"values":["reliability","care"]}',
    });
  });

  it('the claim carries the activation exactly as it was then written', () => {
    const stored = (type: string) => samples.find(({ recorded }) => recorded.type === type)?.recorded;
    const [claim, start] = [stored('TopicClaimed'), stored('SessionStarted')];
    if (!claim || !start) throw new Error('A sample is missing.');
    const { event } = codec.decode<TopicClaimed>(claim);
    const { id, type, data, metadata } = start;
    expect(TopicReservation.evolve(TopicReservation.initialState, event).claim?.activation).toEqual({
      id,
      type,
      data,
      metadata,
    });
  });
});

/** The data of an event of that type as it is written today: a sample of the present version must have its shape. */
function writtenNow(type: string): object {
  if (type === 'TopicClaimed') return CLAIM;
  const { given } = specify(CoachingSession);
  const written = [
    given().when((state) =>
      startSession(state, {
        sessionId: SESSION_ID,
        tenantId: 'acme',
        userId: 'ada',
        sessionNumber: 1,
        topic: CORE_VALUES,
        at: at(0),
      }),
    ),
    given(started()).when((state) => recordMessage(state, { role: 'user', content: 'Hello.', at: at(1) })),
    given(started()).when((state) => pauseSession(state, 'ada', at(1))),
    given(started()).when((state) => autoPauseSession(state, () => RULE, at(45))),
    given(started(), autoPaused(31)).when((state) => resumeSession(state, { by: 'ada', reason: 'start', at: at(40) })),
    given(started()).when((state) => completeSession(state, 'ada', { values: ['care'] }, at(1))),
    given(started()).when((state) => cancelSession(state, 'ada', at(1))),
    given(started(), paused(1)).when((state) => abandonSession(state, 'ada', at(2))),
  ].flatMap(({ events }) => events);
  const event = written.find((candidate) => candidate.type === type);
  if (!event) throw new Error(`No decision here writes a ${type}.`);
  return event.data;
}

const METADATA = { $correlationId: '', $causationId: '', schema_version: 1, time: '', actor: '', command_id: '' };

const CLAIM: TopicClaimed['data'] = {
  tenant_id: 'acme',
  topic_id: 'core_values',
  session_id: SESSION_ID,
  user_id: 'ada',
  session_revision: -1,
  activation: { id: '', type: 'SessionStarted', data: started().data, metadata: METADATA },
  claimed_at: '',
};

/** Kinds of values by path; a session's result is any JSON. */
function shapeOf(value: unknown, path = ''): Record<string, string> {
  if (value === null || typeof value !== 'object' || path === '.result') {
    return { [path]: path === '.result' ? 'JSON' : typeof value };
  }
  const members = Object.entries(value).map(([key, member]) => shapeOf(member, `${path}.${key}`));
  return Object.assign({}, ...members) as Record<string, string>;
}
