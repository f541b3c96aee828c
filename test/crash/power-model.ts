/**
 * What a worker's events may say about its power, in which order: a second, much simpler telling of the rules than the
 * service's own, so that the two can disagree.
 */
import type { StoredEvent } from './service-api.js';

/** `asked` is when the intent was recorded, epoch ms. */
export type Power =
  | { readonly kind: 'absent' | 'up' | 'down' }
  | {
      readonly kind: 'pausing';
      readonly id: unknown;
      readonly reason: unknown;
      readonly asked: number;
      readonly resume: { readonly id: unknown; readonly asked: number } | null;
    }
  | { readonly kind: 'resuming'; readonly id: unknown; readonly asked: number };

/** An event that must not follow here, and why. */
export class OutOfPlace extends Error {}

/** The power after the event. @throws {OutOfPlace} */
export function follow(power: Power, event: StoredEvent): Power {
  const { data } = event;
  const asked = Date.parse(event.recorded_at);
  switch (event.type) {
    case 'WorkerRegistered':
      return expect(power.kind === 'absent', 'a registered worker is registered again', {
        kind: data['status'] === 'running' || data['status'] === 'pending' ? 'up' : 'down',
      });
    case 'WorkerDeregistered':
      return expect(power.kind === 'up' || power.kind === 'down', 'forgotten with an intent open', { kind: 'absent' });
    case 'WorkerPauseRequested':
      return expect(power.kind === 'up', 'a pause is asked for of a worker that is not up', {
        kind: 'pausing',
        id: data['pause_id'],
        reason: data['reason'],
        asked,
        resume: null,
      });
    case 'WorkerPauseAbandoned':
      return expect(power.kind === 'pausing' && power.id === data['pause_id'], 'abandons a pause that is not open', {
        kind: 'up',
      });
    case 'WorkerPaused':
      return paused(power, data);
    case 'WorkerResumeRequested':
      return resumeRequested(power, { id: data['resume_id'], asked });
    case 'WorkerResumeAbandoned':
      return expect(power.kind === 'resuming' && power.id === data['resume_id'], 'abandons a resume that is not open', {
        kind: 'down',
      });
    case 'WorkerResumed':
      return expect(
        power.kind === 'resuming' && power.id === data['resume_id'],
        `resumed (${String(data['reason'])}) without an open intent of that id`,
        { kind: 'up' },
      );
    default:
      return power;
  }
}

/** The power that the newest events of a stream lead to; what came before them is not known. */
export function powerAfter(newestFirst: readonly StoredEvent[]): Power {
  let power: Power = { kind: newestFirst.length === 0 ? 'absent' : 'up' };
  for (const event of [...newestFirst].reverse()) {
    try {
      power = follow(power, event);
    } catch (error) {
      if (!(error instanceof OutOfPlace)) throw error;
      // The beginning was cut off: take the event's word for what it follows.
      power = follow(beforeOf(event), event);
    }
  }
  return power;
}

function paused(power: Power, data: StoredEvent['data']): Power {
  if (power.kind !== 'pausing' || power.id !== data['pause_id'] || power.reason !== data['reason']) {
    throw new OutOfPlace(`paused (${String(data['reason'])}) without an open intent of that id and reason`);
  }
  return power.resume ? { kind: 'resuming', ...power.resume } : { kind: 'down' };
}

function resumeRequested(power: Power, resume: { id: unknown; asked: number }): Power {
  if (power.kind === 'down') return { kind: 'resuming', ...resume };
  if (power.kind === 'pausing' && !power.resume) return { ...power, resume };
  throw new OutOfPlace('a resume is asked for of a worker that is not down');
}

function beforeOf({ type, data }: StoredEvent): Power {
  const asked = 0;
  switch (type) {
    case 'WorkerRegistered':
      return { kind: 'absent' };
    case 'WorkerPaused':
    case 'WorkerPauseAbandoned':
      return { kind: 'pausing', id: data['pause_id'], reason: data['reason'], asked, resume: null };
    case 'WorkerResumed':
    case 'WorkerResumeAbandoned':
      return { kind: 'resuming', id: data['resume_id'], asked };
    case 'WorkerResumeRequested':
      return { kind: 'down' };
    default:
      return { kind: 'up' };
  }
}

function expect(fits: boolean, why: string, next: Power): Power {
  if (!fits) throw new OutOfPlace(why);
  return next;
}
