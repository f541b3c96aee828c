import type { RecordedEvent } from '../event-store/event-store.port.js';
import type { DomainEvent } from '../event-store/event-codec.js';
import type { Document } from '../read-models/read-model-store.port.js';
import type { ReplayOutcome } from './generation.js';
import { PARKED_STREAMS } from './parking.js';
import type { ParkedStream } from './parking.js';
import { DEFAULT_PROJECTION_OPTIONS } from './projection-options.js';
import type { ProjectionContext, ProjectionDependencies } from './projection-options.js';
import { ProjectionRunner } from './projection-runner.js';
import type { RebuildHandle } from './projection-runner.js';
import type { ProjectionStatus } from './projection-status.js';
import { StreamNotParked, UnknownProjection } from './projection.errors.js';
import type { Projection } from './projection.js';
import { verify } from './verify.js';
import type { Verification } from './verify.js';
import type { View } from './view.js';

export type { ReplayOutcome } from './generation.js';
export type { ParkedStream } from './parking.js';
export type { ProjectionDependencies, ProjectionOptions } from './projection-options.js';
export type { RebuildHandle } from './projection-runner.js';
export type { ProjectionActivity, ProjectionStatus } from './projection-status.js';
export type { RebuildProgress } from './rebuild.js';
export type { Difference, Verification } from './verify.js';
export type { View } from './view.js';

const NAME = /^[a-z0-9]+(?:_[a-z0-9]+)*$/;

/** A parked stream with the event that could not be applied. */
export interface ParkedStreamDetails {
  readonly record: ParkedStream;
  readonly event: RecordedEvent | null;
}

/**
 * Keeps read models in step with the events.
 *
 * ```ts
 * engine.register(workersProjection);
 * await engine.start();
 * const { position } = await events.append(...);
 * const workers = engine.view<WorkerDocument>('workers');
 * if (await workers.waitFor(position, 2_000)) await workers.find({ where: { status: 'running' } });
 * ```
 *
 * Register all projections before `start`. A projection whose version has changed is rebuilt beside its old documents.
 */
export class ProjectionEngine {
  private readonly context: ProjectionContext;
  private readonly runners = new Map<string, ProjectionRunner>();

  constructor(dependencies: ProjectionDependencies) {
    this.context = { ...dependencies, options: { ...DEFAULT_PROJECTION_OPTIONS, ...dependencies.options } };
  }

  /** @throws {Error} for a name that is taken or cannot be used, or a version that is none (defects, found at start) */
  register<D extends Document, E extends DomainEvent>(projection: Projection<D, E>): void {
    const { name, version } = projection;
    if (!NAME.test(name) || name.length > 40) {
      throw new Error(
        `'${name}' is no projection name: lower-case letters, digits, single '_', at most 40 characters.`,
      );
    }
    if (!Number.isInteger(version) || version < 1) throw new Error(`Projection '${name}' has no version from 1.`);
    if (projection.eventTypes.length === 0) throw new Error(`Projection '${name}' takes no events.`);
    if (this.runners.has(name)) throw new Error(`Projection '${name}' is registered twice.`);
    this.runners.set(name, new ProjectionRunner(this.context, projection));
  }

  /** Opens the read models and begins to follow the events. Does not wait for them, nor for stores that are away. */
  async start(): Promise<void> {
    await Promise.all([...this.runners.values()].map((runner) => runner.start()));
  }

  /** Finishes what is being committed and stores the checkpoints. */
  async stop(): Promise<void> {
    await Promise.all([...this.runners.values()].map((runner) => runner.stop()));
  }

  /** @throws {UnknownProjection} */
  view<D extends Document>(name: string): View<D> {
    // The registration fixed the documents' type; the name stands for it.
    return this.runner(name).view as View<Document> as View<D>;
  }

  async status(): Promise<ProjectionStatus[]> {
    return await Promise.all([...this.runners.values()].map((runner) => runner.status()));
  }

  /**
   * Resolves when every view has reached the end of the events as it is now.
   *
   * @throws the signal's reason @throws {ProjectionNotReady} there are no events, and a read model that cannot be opened
   */
  async caughtUp(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const head = await this.context.events.head();
    const closed = [...this.runners.values()].find(({ view }) => !view.isOpen);
    if (head === null && closed) closed.view.refuse();
    if (head === null) return;
    await Promise.all([...this.runners.values()].map(({ view }) => view.applied.reached(head, signal)));
    signal?.throwIfAborted();
  }

  /**
   * Builds a projection anew from all events; queries see the old documents until it is done.
   *
   * @throws {ProjectionBusy} a rebuild or verification is under way
   * @throws {ProjectionRunsElsewhere} another instance runs it
   */
  async rebuild(name: string): Promise<RebuildHandle> {
    return await this.runner(name).rebuild();
  }

  /** Folds all events anew and compares with the documents that are served. @throws as {@link rebuild} */
  async verify(name: string): Promise<Verification> {
    return await this.runner(name).withSession(async (session) => {
      const finished = session.begin('verification');
      try {
        return await verify(session);
      } finally {
        finished();
      }
    });
  }

  /** Parked streams of one projection or of all, by projection and stream. */
  async parkedStreams(name?: string): Promise<ParkedStream[]> {
    const runners = name === undefined ? [...this.runners.values()] : [this.runner(name)];
    const records = await this.context.readModels.collection<ParkedStream>(PARKED_STREAMS);
    const found = await Promise.all(
      runners.map(async (runner) => {
        const generation = (await runner.activeGeneration()) ?? 0;
        return await records.find({ where: { projection: runner.projection.name, generation } });
      }),
    );
    return found.flat().map(({ document }) => document);
  }

  /** @throws {StreamNotParked} @throws {UnknownProjection} */
  async parkedStream(name: string, stream: string): Promise<ParkedStreamDetails> {
    const record = (await this.parkedStreams(name)).find((parked) => parked.stream === stream);
    if (!record) throw new StreamNotParked(name, stream);
    for await (const event of this.context.events.readStream(stream, { from: record.revision, limit: 1 })) {
      return { record, event };
    }
    return { record, event: null };
  }

  /**
   * Tries a parked stream again from the event that failed; `parked` in the answer tells whether it still is.
   *
   * @throws {StreamNotParked} @throws {ProjectionBusy} @throws {ProjectionRunsElsewhere}
   */
  async retryParked(name: string, stream: string): Promise<ReplayOutcome> {
    return await this.runner(name).withSession((session) => session.retry(stream));
  }

  /** The same, leaving out the event that failed, for as long as this version of the projection is in use. */
  async skipParked(name: string, stream: string): Promise<ReplayOutcome> {
    return await this.runner(name).withSession((session) => session.skip(stream));
  }

  private runner(name: string): ProjectionRunner {
    const runner = this.runners.get(name);
    if (!runner) throw new UnknownProjection(name);
    return runner;
  }
}
