import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import type { Collection, ReadModelStore } from '../read-models/read-model-store.port.js';

/** A folded state, so that an old stream need not be read from its beginning. Derived data: losing it costs time only. */
export interface Snapshot<S> {
  /** `stateVersion` of the aggregate that made it. */
  readonly state_version: number;
  /** Revision of the last event in it. */
  readonly revision: number;
  /** Id of that event, to notice a snapshot of another history. */
  readonly event_id: string;
  readonly state: S;
  /** Commands up to there whose senders may send them again: id, and revision of the first event that it wrote. */
  readonly keyed_commands: readonly (readonly [commandId: string, revision: number])[];
}

/** Snapshots, newest only, kept beside the read models. */
export class SnapshotStore {
  private opened: Promise<Collection<Snapshot<unknown>>> | undefined;

  constructor(
    private readonly readModels: ReadModelStore,
    private readonly log: Logger,
  ) {}

  /** Undefined when there is none of this state version, or when it cannot be read: the stream itself tells. */
  async load<S>(stream: string, stateVersion: number): Promise<Snapshot<S> | undefined> {
    try {
      const found = await (await this.collection()).get(stream);
      const document = found?.document;
      if (document?.state_version !== stateVersion || !Array.isArray(document.keyed_commands)) return undefined;
      return document as Snapshot<S>;
    } catch (error) {
      this.log.warn({ stream, error: messageOf(error) }, 'snapshot.load_failed');
      return undefined;
    }
  }

  /** Keeps it as the newest. A failure is logged: the events are stored, and reading them takes longer. */
  async save(stream: string, snapshot: Snapshot<unknown>): Promise<void> {
    try {
      await (await this.collection()).put(stream, snapshot);
    } catch (error) {
      this.log.warn({ stream, error: messageOf(error) }, 'snapshot.save_failed');
    }
  }

  private collection(): Promise<Collection<Snapshot<unknown>>> {
    this.opened ??= this.readModels.collection<Snapshot<unknown>>({ name: 'snapshots' }).catch((error: unknown) => {
      this.opened = undefined;
      throw error;
    });
    return this.opened;
  }
}
