import { messageOf } from '../errors.js';
import type { Position } from '../event-store/event-store.port.js';
import { catchUp } from './catch-up.js';
import type { CatchUpLimits } from './catch-up.js';
import type { Generation } from './generation.js';
import type { ProjectionSession } from './projection-session.js';
import { RebuildCheckFailed } from './projection.errors.js';

/** How far a rebuild is. Part of the projection's status. */
export interface RebuildProgress {
  readonly projection: string;
  readonly version: number;
  readonly state: 'running' | 'done' | 'failed';
  /** Events folded so far. */
  readonly events_done: number;
  /** How far it has read, and where the events end. */
  readonly position: Position | null;
  readonly head: Position | null;
  readonly documents: number;
  readonly started_at: string;
  readonly error: string | null;
}

/**
 * Builds a projection anew beside the documents in use, checks what came out, and switches to it. Until then, and when
 * it fails, queries see the old ones.
 */
export class Rebuild {
  private current: RebuildProgress;

  constructor(private readonly session: ProjectionSession) {
    const { projection, context } = session;
    this.current = {
      projection: projection.name,
      version: projection.version,
      state: 'running',
      events_done: 0,
      position: null,
      head: null,
      documents: 0,
      started_at: new Date(context.clock.now()).toISOString(),
      error: null,
    };
  }

  get progress(): RebuildProgress {
    return this.current;
  }

  /** @throws {RebuildCheckFailed} the documents are not what the events make */
  async run(): Promise<RebuildProgress> {
    const { session } = this;
    try {
      const next = await session.newGeneration();
      await this.readOn(next);
      await session.exclusive(async () => {
        // What has come since, up to where the live loop stands still meanwhile.
        const alone = await session.mustRebuild();
        await this.readOn(next, alone ? {} : { upTo: () => session.active.position });
        await this.check(next);
        await session.switchTo(next);
      });
      this.update({ state: 'done' });
      return this.current;
    } catch (error) {
      this.update({ state: 'failed', error: messageOf(error) });
      await session.tidyUp();
      throw error;
    }
  }

  private async readOn(next: Generation, limits: CatchUpLimits = {}): Promise<void> {
    const { session } = this;
    const { context, projection } = session;
    this.update({ head: await context.events.head() });
    await catchUp(next, context, projection, session.scratchWrite, {
      ...limits,
      onPage: async ({ events }) => {
        const { position, documents } = next;
        const head = await context.events.head();
        this.update({ position, documents, head, events_done: this.current.events_done + events.length });
      },
    });
  }

  private async check(next: Generation): Promise<void> {
    const { session } = this;
    const { name, version } = session.projection;
    const { position } = session.active;
    const sameHistory = !(await session.mustRebuild());
    if (sameHistory && position !== null && (next.position ?? -1) < position) {
      throw new RebuildCheckFailed(name, `it is at ${next.position}, the one in use is at ${position}.`);
    }
    const stored = await next.collection.count();
    if (stored !== next.documents) {
      throw new RebuildCheckFailed(name, `it has ${stored} documents where its events make ${next.documents}.`);
    }
    const before = await session.active.collection.count();
    const parked = next.parked.size;
    session.context.log.info({ projection: name, version, documents: stored, before, parked }, 'projection.rebuilt');
  }

  private update(change: Partial<RebuildProgress>): void {
    this.current = { ...this.current, ...change };
  }
}
