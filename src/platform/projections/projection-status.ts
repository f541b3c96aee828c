import type { Position } from '../event-store/event-store.port.js';
import type { RebuildProgress } from './rebuild.js';

/**
 * - `catching_up`: applying events that are already stored
 * - `live`: has applied all there was at last look
 * - `following`: another instance runs it, and queries see what that one stores
 * - `waiting`: for the lease, or to try again after a failure
 * - `rebuilding`: a new build is being made; queries see the old one
 * - `stopped`: not running
 */
export type ProjectionActivity = 'catching_up' | 'live' | 'following' | 'waiting' | 'rebuilding' | 'stopped';

/** What health, metrics and the command line show of a projection. */
export interface ProjectionStatus {
  readonly name: string;
  /** Version in the program. */
  readonly version: number;
  /** Version and generation of the documents that queries see; null while nothing has been opened. */
  readonly active_version: number | null;
  readonly generation: number | null;
  readonly state: ProjectionActivity;
  /** Instance that runs it, as far as is stored; null when this one is alone with its stores. */
  readonly instance: string | null;
  readonly position: Position | null;
  readonly head: Position | null;
  /** Positions between them; 0 when no event of the projection's lies there. */
  readonly lag_events: number;
  /** Age of the oldest event of the projection's that is not applied. */
  readonly lag_seconds: number;
  readonly parked_streams: number;
  /** When the one that is parked longest was parked. */
  readonly oldest_parked_at: string | null;
  /** The last failure; null once events have been applied after it. */
  readonly last_error: { readonly message: string; readonly at: string } | null;
  /** The last rebuild since the process started. */
  readonly rebuild: RebuildProgress | null;
}
