import { describe, expect, it } from '@jest/globals';
import { autoPaused, cancelled, paused, resumed, said, started, time } from '../../../test/support/coaching-history.js';
import type { CoachingSessionEvent } from '../../coaching/domain/coaching-session.events.js';
import { sessionTold } from './session-narrator.js';

const told = (event: CoachingSessionEvent) => sessionTold('ada', { ...event, at: time(0) });

describe('What the demo tells of a coaching session', () => {
  it('tells its start and what is said in it, by whom', () => {
    expect(told(started())).toMatchObject({ who: 'ada', text: 'starts a coaching session in core_values' });
    expect(told(said(1)).text).toBe('says: Hello.');
    expect(told(said(1, 'assistant')).text).toBe('the coach answers: Hello.');
  });

  it('tells an automatic pause with how long it was quiet, the timeout and where that is from', () => {
    const { tone, text, more } = told(autoPaused(45));
    expect([tone, text]).toEqual(['session_pause', 'PAUSED by system: inactivity']);
    expect(more?.join('\n')).toContain('quiet for 45 min; the timeout is 30 min (the topic’s)\nquiet since 12:00:00');
  });

  it('tells a resume with its reason, and takes a pause by its user for no automatic one', () => {
    expect(told(resumed(50))).toMatchObject({ tone: 'resume', text: 'RESUMED by ada: manual' });
    expect(told(paused(2))).toMatchObject({ tone: 'pause', text: 'PAUSED by ada' });
    expect(told(cancelled(2)).text).toBe('cancelled by ada');
  });
});
