import { Injectable } from '@nestjs/common';
import { v5 as uuidv5 } from 'uuid';
import { DORMOUSE_NAMESPACE } from '../../platform/commands/command-context.js';
import type { SessionOwner } from '../domain/session-owner.js';
import type { LoadedSession } from './sessions.repository.js';
import { SessionsRepository } from './sessions.repository.js';

/** The latest of a user's sessions in a topic, and the number of the one after it. */
export interface OwnLatest {
  readonly latest: LoadedSession | undefined;
  readonly nextNumber: number;
}

/**
 * A session's id follows from whose it is, in which topic, and the how-manieth: two starts at once cannot make two
 * sessions, and the latest is found from the streams alone, without an index that could be late.
 */
export function sessionIdOf({ tenantId, userId }: SessionOwner, topicId: string, sessionNumber: number): string {
  const name = JSON.stringify(['coaching session', tenantId, topicId, userId, sessionNumber]);
  return `sess_${uuidv5(name, DORMOUSE_NAMESPACE)}`;
}

/** Finds a user's latest session in a topic, as the streams say now. */
@Injectable()
export class OwnSessions {
  constructor(private readonly sessions: SessionsRepository) {}

  /**
   * Sessions are numbered without gaps (a number is only started when the one before it has ended), so the last one is
   * found in steps that double, then halve: the fifth session costs six looks, the thousandth twenty.
   */
  async latest(owner: SessionOwner, topicId: string): Promise<OwnLatest> {
    const look = (number: number) => this.sessions.find(sessionIdOf(owner, topicId, number));
    let latest: LoadedSession | undefined;
    let present = 0;
    let absent = 1;
    for (let found = await look(absent); found; found = await look(absent)) {
      latest = found;
      present = absent;
      absent *= 2;
    }
    while (absent - present > 1) {
      const middle = Math.floor((present + absent) / 2);
      const found = await look(middle);
      if (found) [latest, present] = [found, middle];
      else absent = middle;
    }
    return { latest, nextNumber: absent };
  }
}
