import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { EventCodec } from '../event-store/event-codec.js';
import type { EventStore } from '../event-store/event-store.port.js';
import type { Leases } from '../leases/leases.port.js';
import type { ReadModelStore } from '../read-models/read-model-store.port.js';

/** How the engine paces itself. Times are milliseconds of the host's timers. */
export interface ProjectionOptions {
  /** Events read and folded at a time, at most. */
  readonly batchSize: number;
  /** While more events are at hand, so many of them (or so many documents) are committed together. */
  readonly commitAfterEvents: number;
  readonly commitAfterDocuments: number;
  /** Documents of a projection that are kept in memory, so that those that change again and again are not read each time. */
  readonly keepDocuments: number;
  /** First and longest wait after a failure; it doubles in between. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** How often an event is tried before its stream is parked, and the first wait between tries (doubles). */
  readonly applyAttempts: number;
  readonly applyRetryMs: number;
  /** While only filtered-out events pass, the checkpoint is stored at most this often. */
  readonly checkpointEveryMs: number;
  /** A subscription that has been silent for so long is looked after: are there events that it does not hand over? */
  readonly stallAfterMs: number;
  /** While another instance runs the projection, its stored state is looked at this often, */
  readonly followEveryMs: number;
  /** and this often while a query waits for a position. */
  readonly followWaitedMs: number;
  /** While others may follow, a position that was reached without any write is stored within so long. */
  readonly storeFollowedMs: number;
  /**
   * For so long a replaced collection stays, for queries that have already chosen it. An instance that follows trusts
   * what it saw for half of that, so it never reads a collection that is gone.
   */
  readonly retireAfterMs: number;
}

export const DEFAULT_PROJECTION_OPTIONS: ProjectionOptions = {
  batchSize: 250,
  commitAfterEvents: 100_000,
  commitAfterDocuments: 2_000,
  keepDocuments: 2_000,
  backoffMinMs: 100,
  backoffMaxMs: 2_000,
  applyAttempts: 3,
  applyRetryMs: 50,
  checkpointEveryMs: 1_000,
  stallAfterMs: 5_000,
  followEveryMs: 500,
  followWaitedMs: 25,
  storeFollowedMs: 25,
  retireAfterMs: 2_000,
};

/** What the engine works with. */
export interface ProjectionDependencies {
  readonly events: EventStore;
  readonly readModels: ReadModelStore;
  readonly codec: EventCodec;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options?: Partial<ProjectionOptions>;
}

/** The same, complete. */
export type ProjectionContext = Omit<ProjectionDependencies, 'options'> & { readonly options: ProjectionOptions };
