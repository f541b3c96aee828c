import type { QueryClient } from '@tanstack/react-query';
import type { WorkerRow } from '../api/answers.js';
import type { ServiceClient } from '../api/client.js';
import { workersByIds } from '../api/workers.js';
import type { ServerClock } from '../time/server-clock.js';
import { ChangeBatch } from './change-batch.js';
import type { Changes } from './change-batch.js';
import type { ConnectionMonitor } from './connection-state.js';
import { FeedConnection } from './feed-connection.js';
import type { Connect } from './feed-connection.js';
import { keys } from './query-keys.js';
import { withLookedUp } from './worker-rows.js';

/** More workers than that are listed instead of looked up. */
const MOST_LOOKED_UP = 300;
const LOOK_AGAIN_WHEN_LATE_MS = 2_000;

/** Keeps what is shown as new as the feed: an event has looked up again what it concerns, and nothing else. */
export class LiveUpdates {
  private readonly batch = new ChangeBatch((changes) => void this.apply(changes));
  private readonly feed: FeedConnection;
  private again: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly client: ServiceClient,
    private readonly queries: QueryClient,
    private readonly clock: ServerClock,
    private readonly monitor: ConnectionMonitor,
    connect: Connect,
  ) {
    this.feed = new FeedConnection(connect, {
      event: (event) => {
        this.monitor.hear(this.clock.now());
        this.batch.add(event);
      },
      opened: () => this.lookAtEverything(),
      lost: () => this.monitor.update({ feed: 'lost' }),
    });
  }

  /** @returns ends it */
  start(): () => void {
    const deaf = this.client.listen({
      reached: (reachable) => {
        if (reachable) this.monitor.hear(this.clock.now());
        this.monitor.update({ reachable });
      },
      late: (late) => this.noteLateness(late),
    });
    const looked = (): void => {
      if (document.visibilityState === 'visible') this.feed.hurry();
    };
    document.addEventListener('visibilitychange', looked);
    this.feed.start();
    return () => {
      document.removeEventListener('visibilitychange', looked);
      deaf();
      this.feed.stop();
      this.batch.clear();
      clearTimeout(this.again);
    };
  }

  /** After the first connection as after a lost one: failed checks and jobs' runs are no events of the feed. */
  private lookAtEverything(): void {
    this.monitor.hear(this.clock.now());
    this.monitor.update({ feed: 'open' });
    this.batch.clear();
    void this.queries.invalidateQueries();
  }

  private async apply({ workerIds, sessionIds, token }: Changes): Promise<void> {
    this.client.noteToken(token);
    if (sessionIds.size > 0) void this.queries.invalidateQueries({ queryKey: keys.sessions });
    for (const id of workerIds) void this.queries.invalidateQueries({ queryKey: keys.worker(id) });
    const known = this.queries.getQueryData<readonly WorkerRow[]>(keys.workers);
    if (workerIds.size === 0 || !known) return;
    if (workerIds.size > MOST_LOOKED_UP) return void this.queries.invalidateQueries({ queryKey: keys.workers });
    try {
      const found = await workersByIds(this.client, [...workerIds]);
      this.queries.setQueryData<readonly WorkerRow[]>(keys.workers, (rows) =>
        withLookedUp(rows ?? known, workerIds, found),
      );
    } catch {
      // Listing tries again by itself, and shows when it cannot.
      void this.queries.invalidateQueries({ queryKey: keys.workers });
    }
  }

  private noteLateness(late: boolean): void {
    this.monitor.update({ late });
    clearTimeout(this.again);
    if (late) this.again = setTimeout(() => void this.queries.invalidateQueries(), LOOK_AGAIN_WHEN_LATE_MS);
  }
}
