import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.js';
import type { DomainEvent, EventCodec } from '../event-store/event-codec.js';
import { AppendOutcomeUnknown, WrongExpectedRevision } from '../event-store/event-store.errors.js';
import type { AppendResult, EventStore, NewEvent, Position, RecordedEvent } from '../event-store/event-store.port.js';
import type { Aggregate, Decision, Refusal } from './aggregate.js';
import { isRefusal } from './aggregate.js';
import type { CommandContext } from './command-context.js';
import { eventIdOf } from './command-context.js';
import { ConcurrencyConflict } from './concurrency-conflict.js';
import { KeyedQueue } from './keyed-queue.js';
import type { Snapshot, SnapshotStore } from './snapshot-store.js';

/** An aggregate as far as its stream was read. */
export interface Loaded<S> {
  readonly state: S;
  /** Revision of the last event that was folded; -1 for a stream that does not exist. */
  readonly revision: number;
  /** Position of that event; null for a stream that does not exist. What a consistency token says. */
  readonly position: Position | null;
}

/** What a command did. */
export interface Transacted<S, E> extends Loaded<S> {
  /** What it wrote; empty when it changed nothing. */
  readonly events: readonly E[];
  /** The command had been carried out before; `events` is what it wrote then. */
  readonly repeated: boolean;
}

interface Baseline extends Loaded<unknown> {
  /** Id of the event at `revision`: a snapshot of another history does not fit. */
  readonly eventId: string | null;
  /** Revision of the newest snapshot. */
  readonly snapshotAt: number;
  /**
   * Commands whose senders may send them again, each with the revision of the first event it wrote: complete up to
   * `revision`. So "was it carried out before?" costs no look into the store, which may have no index of ids. The map
   * grows with the stream and is shared with later baselines; it holds facts only.
   */
  readonly keyed: Map<string, number>;
}

export interface AggregateStoreOptions {
  /** How often a decision is made anew after a revision conflict. */
  readonly attempts: number;
  /** How often an append without an answer is repeated, ids and expected revision unchanged. */
  readonly appendRepeats: number;
  /** Aggregates kept in memory; a worker's state takes some 3 KB. */
  readonly cacheSize: number;
  /** A snapshot is taken after so many events. */
  readonly snapshotEvery: number;
}

const DEFAULTS: AggregateStoreOptions = { attempts: 8, appendRepeats: 3, cacheSize: 25_000, snapshotEvery: 100 };

/**
 * The command path: load, decide, append; on a conflict load and decide again. Its verbs are `load` and `transact`.
 *
 * State that is cached or comes from a snapshot is only a baseline: an append is guarded by the expected revision, and a
 * decision to change nothing (or a refusal) is made on freshly read state. Commands on one stream queue up within this
 * process, so they do not conflict with each other; other processes are met by the expected revision.
 */
export class AggregateStore {
  private readonly cache: LRUCache<string, Baseline>;
  private readonly queue = new KeyedQueue();
  private readonly options: AggregateStoreOptions;

  constructor(
    private readonly events: EventStore,
    private readonly codec: EventCodec,
    private readonly snapshots: SnapshotStore,
    private readonly clock: Clock,
    options: Partial<AggregateStoreOptions> = {},
  ) {
    this.options = { ...DEFAULTS, ...options };
    this.cache = new LRUCache({ max: this.options.cacheSize });
  }

  /** The aggregate as it is now. @throws {EventNotReadable} the stream holds an event this program cannot read */
  async load<S, E extends DomainEvent>(aggregate: Aggregate<S, E>, id: string): Promise<Loaded<S>> {
    return (await this.catchUp(aggregate, `${aggregate.category}-${id}`)) as Loaded<S>;
  }

  /** True when a command whose sender may repeat it has written before; `transact` then answers with what it wrote. */
  async wasCarriedOut<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    id: string,
    { repeatable, commandId }: CommandContext,
  ): Promise<boolean> {
    return repeatable && (await this.catchUp(aggregate, `${aggregate.category}-${id}`)).keyed.has(commandId);
  }

  /**
   * Decides on the aggregate and appends what was decided. A command that was carried out before (same command id)
   * writes nothing and answers with what it wrote then.
   *
   * @returns a refusal exactly when `decide` refused on fresh state
   * @throws {ConcurrencyConflict} the stream changed during each attempt
   * @throws {AppendOutcomeUnknown} the store did not answer; repeating the command settles it
   */
  async transact<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    id: string,
    context: CommandContext,
    decide: (state: S) => Decision<E>,
  ): Promise<Transacted<S, E> | Refusal> {
    const stream = `${aggregate.category}-${id}`;
    return this.queue.run(stream, async () => {
      for (let attempt = 1; attempt <= this.options.attempts; attempt++) {
        const result = await this.attempt(aggregate, stream, context, decide);
        if (result) return result;
      }
      throw new ConcurrencyConflict(stream, this.options.attempts);
    });
  }

  /** One load-decide-append; undefined when somebody else wrote in between. */
  private async attempt<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    stream: string,
    context: CommandContext,
    decide: (state: S) => Decision<E>,
  ): Promise<Transacted<S, E> | Refusal | undefined> {
    const cached = this.cache.get(stream);
    const baseline = cached ?? (await this.catchUp(aggregate, stream));
    if (context.repeatable) {
      // What the same command, sent to another instance, writes after this baseline makes our append a repeat or a conflict.
      const before = await this.findEarlierRun(aggregate, stream, baseline, context);
      if (before) return before;
    }
    const decision = decide(baseline.state as S);
    if (isRefusal(decision) || decision.length === 0) {
      const fresh = cached ? await this.catchUp(aggregate, stream) : baseline;
      if (fresh.revision !== baseline.revision) return undefined;
      return isRefusal(decision) ? decision : unchanged<S, E>(fresh);
    }
    const newEvents = this.encode(decision, context);
    const expected = baseline.revision === -1 ? 'no_stream' : baseline.revision;
    try {
      const appended = await this.append(stream, newEvents, expected);
      if (context.repeatable) {
        // The store may have recognised the events of the other one (same ids), decided at another time: those happened.
        const { fresh, mine } = await this.readOn(aggregate, stream, baseline, context);
        return { ...(fresh as Loaded<S>), events: mine, repeated: false };
      }
      const state = decision.reduce<S>((folded, event) => aggregate.evolve(folded, event), baseline.state as S);
      const eventId = newEvents[newEvents.length - 1]?.id ?? null;
      await this.keep(aggregate, stream, { ...baseline, ...appended, state, eventId });
      return { state, ...appended, events: decision, repeated: false };
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      const { fresh, mine } = await this.readOn(aggregate, stream, baseline, context);
      return mine.length > 0 ? { ...(fresh as Loaded<S>), events: mine, repeated: true } : undefined;
    }
  }

  /** What has come since a baseline, and which of it this command wrote. */
  private async readOn<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    stream: string,
    baseline: Baseline,
    { commandId }: CommandContext,
  ): Promise<{ readonly fresh: Baseline; readonly mine: readonly E[] }> {
    const mine: E[] = [];
    const fresh = await this.fold(aggregate, stream, baseline, (event, { metadata }) => {
      if (metadata.command_id === commandId) mine.push(event);
    });
    await this.keep(aggregate, stream, fresh);
    return { fresh, mine };
  }

  private encode(decided: readonly DomainEvent[], context: CommandContext): NewEvent[] {
    const metadata = {
      $correlationId: context.correlationId,
      $causationId: context.causationId,
      time: new Date(this.clock.now()).toISOString(),
      actor: context.actor,
      command_id: context.commandId,
      ...(context.repeatable && { keyed: true as const }),
    };
    return decided.map((event, index) => this.codec.encode(event, eventIdOf(context.commandId, index), metadata));
  }

  /** Settles an unknown outcome by repeating: same ids, same expected revision. */
  private async append(
    stream: string,
    newEvents: readonly NewEvent[],
    expected: 'no_stream' | number,
  ): Promise<AppendResult> {
    for (let repeat = 0; ; repeat++) {
      try {
        return await this.events.append(stream, newEvents, expected);
      } catch (error) {
        if (!(error instanceof AppendOutcomeUnknown) || repeat >= this.options.appendRepeats) throw error;
      }
    }
  }

  /** The sender chose the command's id and may be sending it again. */
  private async findEarlierRun<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    stream: string,
    { keyed }: Baseline,
    context: CommandContext,
  ): Promise<Transacted<S, E> | undefined> {
    const first = keyed.get(context.commandId);
    if (first === undefined) return undefined;
    const events = await this.ownEventsFrom<E>(stream, first, context);
    return { ...((await this.catchUp(aggregate, stream)) as Loaded<S>), events, repeated: true };
  }

  /** The events of this command, which were one append, so they stand together. */
  private async ownEventsFrom<E extends DomainEvent>(
    stream: string,
    revision: number,
    { commandId }: CommandContext,
  ): Promise<E[]> {
    const mine: E[] = [];
    for await (const recorded of this.events.readStream(stream, { from: revision })) {
      if (recorded.metadata.command_id !== commandId) break;
      mine.push(this.codec.decode<E>(recorded).event);
    }
    return mine;
  }

  /** Reads what came after the cached state or the snapshot; the whole stream when there is neither. */
  private async catchUp<S, E extends DomainEvent>(aggregate: Aggregate<S, E>, stream: string): Promise<Baseline> {
    const start = this.cache.get(stream) ?? (await this.fromSnapshot(aggregate, stream));
    const read = await this.fold(aggregate, stream, start);
    await this.keep(aggregate, stream, read);
    return read;
  }

  private async fold<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    stream: string,
    start: Baseline | undefined,
    onEvent?: (event: E, recorded: RecordedEvent) => void,
  ): Promise<Baseline> {
    const keyed = start?.keyed ?? new Map<string, number>();
    let state = start ? (start.state as S) : aggregate.initialState;
    let last: RecordedEvent | undefined;
    for await (const recorded of this.events.readStream(stream, { from: (start?.revision ?? -1) + 1 })) {
      const { event } = this.codec.decode<E>(recorded);
      state = aggregate.evolve(state, event);
      const { command_id, keyed: isKeyed } = recorded.metadata;
      if (isKeyed && !keyed.has(command_id)) keyed.set(command_id, recorded.revision);
      onEvent?.(event, recorded);
      last = recorded;
    }
    if (!last) return start ?? { state, revision: -1, position: null, eventId: null, snapshotAt: -1, keyed };
    return {
      state,
      revision: last.revision,
      position: last.position,
      eventId: last.id,
      snapshotAt: start?.snapshotAt ?? -1,
      keyed,
    };
  }

  /** The newest snapshot, if it fits the stream: a store restored from a backup may hold another history. */
  private async fromSnapshot<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    stream: string,
  ): Promise<Baseline | undefined> {
    const snapshot = await this.snapshots.load<S>(stream, aggregate.stateVersion);
    if (!snapshot) return undefined;
    for await (const recorded of this.events.readStream(stream, { from: snapshot.revision, limit: 1 })) {
      if (recorded.id === snapshot.event_id) {
        const { state, revision, keyed_commands } = snapshot;
        const keyed = new Map(keyed_commands);
        return { state, revision, position: recorded.position, eventId: recorded.id, snapshotAt: revision, keyed };
      }
    }
    return undefined;
  }

  private async keep<S, E extends DomainEvent>(
    aggregate: Aggregate<S, E>,
    stream: string,
    baseline: Baseline,
  ): Promise<void> {
    let kept = baseline;
    if (baseline.eventId !== null && baseline.revision - baseline.snapshotAt >= this.options.snapshotEvery) {
      const { state, revision, eventId } = baseline;
      const snapshot: Snapshot<S> = {
        state_version: aggregate.stateVersion,
        revision,
        event_id: eventId ?? '',
        state: state as S,
        keyed_commands: [...baseline.keyed],
      };
      await this.snapshots.save(stream, snapshot);
      kept = { ...baseline, snapshotAt: revision };
    }
    if (kept.revision >= 0) this.cache.set(stream, kept);
  }
}

function unchanged<S, E>(loaded: Baseline): Transacted<S, E> {
  const { revision, position } = loaded;
  return { state: loaded.state as S, revision, position, events: [], repeated: false };
}
