import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionDto, SessionStartedDto } from '../../coaching/http/coaching.answers.js';
import type { ServiceApi } from '../service-api.js';
import { Refused, segment } from '../service-api.js';

/** Who is coached in the demo, and in what; the demo's topics file gives this topic a short timeout. */
export const COACHED = { tenant: 'demo', user: 'ada', topic: 'core_values' } as const;

/** How long ada stays away once her session was paused. */
const AWAY_MS = 8_000;
const LOOK_EVERY_MS = 1_000;
const START_TRIES = 20;

/** Someone who is coached: she begins a session, forgets it, and comes back to it with a message. */
export class CoachedPerson {
  private constructor(
    private readonly api: ServiceApi,
    readonly sessionId: string,
  ) {}

  /** Starts her session, or takes up that of an earlier demo on the same data directory. @param api as she calls it */
  static async begin(api: ServiceApi, signal: AbortSignal): Promise<CoachedPerson> {
    const { session_id } = await start(api, signal);
    const person = new CoachedPerson(api, session_id);
    await person.say('user', 'What matters most to me is care.');
    await person.say('assistant', 'When did you last act on it?');
    return person;
  }

  /** Where her session is to be seen. */
  get path(): string {
    return `/coaching/sessions/${segment(this.sessionId)}`;
  }

  /**
   * Stays away until her session has been paused for her inactivity, and for a while longer; then goes on, unless somebody
   * who tries the routes has ended or paused it.
   */
  async comeBack(signal: AbortSignal): Promise<void> {
    while ((await this.api.get<SessionDto>(this.path)).pause_reason !== 'inactivity') {
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
    await sleep(AWAY_MS, undefined, { signal });
    try {
      await this.say('user', 'I am back. It was yesterday.');
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  private async say(role: 'user' | 'assistant', content: string): Promise<void> {
    await this.api.post(`${this.path}/messages`, { role, content });
  }
}

/** Somebody else, whom an earlier demo has left in the topic, is paused by the service before long. */
async function start(api: ServiceApi, signal: AbortSignal): Promise<SessionStartedDto> {
  for (let tries = 1; ; tries++) {
    try {
      return await api.post<SessionStartedDto>('/coaching/sessions', { topic_id: COACHED.topic });
    } catch (error) {
      const isTaken = error instanceof Refused && error.code === 'session_conflict';
      if (!isTaken || tries === START_TRIES) throw error;
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}
