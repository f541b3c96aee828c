import type { Position } from '../event-store/event-store.port.js';
import type { Collection, ProjectionBatch, ReadModelStore } from '../read-models/read-model-store.port.js';

/** A write that is committed together with documents. */
export type BesideWrite = ProjectionBatch['beside'][number];

/** What is stored of a projection, under its name, in the collection `projection_states`. */
export interface ProjectionState {
  readonly projection: string;
  /** Version that made the documents in use. */
  readonly version: number;
  /** Counts the times the documents were built from zero. */
  readonly generation: number;
  /** Collection in use. */
  readonly collection: string;
  /** Everything up to here is in the documents. */
  readonly checkpoint: Position | null;
  /** Identity of the event store that the positions belong to. */
  readonly history: string;
  /** Instance that runs the projection; null when it is alone with its stores. */
  readonly instance: string | null;
  readonly updated_at: string;
}

const PROJECTION_STATES = 'projection_states';

/** The stored states of all projections. */
export class ProjectionStates {
  private constructor(private readonly states: Collection<ProjectionState>) {}

  static async open(readModels: ReadModelStore): Promise<ProjectionStates> {
    return new ProjectionStates(await readModels.collection<ProjectionState>({ name: PROJECTION_STATES }));
  }

  async load(projection: string): Promise<ProjectionState | undefined> {
    return (await this.states.get(projection))?.document;
  }
}

export function stateWrite(state: ProjectionState): BesideWrite {
  return { collection: PROJECTION_STATES, id: state.projection, document: state };
}

/** Name of the collection that a generation lives in. */
export function collectionOf(projection: string, version: number, generation: number): string {
  return `${projection}__v${version}_g${generation}`;
}

/** Scratch collection of a verification. */
export function scratchOf(projection: string): string {
  return `${projection}__verify`;
}

/** Collections among `names` that belong to the projection, of whatever generation, scratch included. */
export function collectionsOf(projection: string, names: readonly string[]): string[] {
  return names.filter((name) => name === scratchOf(projection) || generationIn(projection, name) !== undefined);
}

/** A generation that no collection has been named after, so that nothing left over is taken for new. */
export function freeGeneration(projection: string, names: readonly string[], above = 0): number {
  return 1 + Math.max(above, ...names.map((name) => generationIn(projection, name) ?? 0));
}

function generationIn(projection: string, name: string): number | undefined {
  // A projection's name has no '__', so the prefix cannot be that of another one.
  if (!name.startsWith(`${projection}__`)) return undefined;
  const digits = /^v\d+_g(\d+)$/.exec(name.slice(projection.length + 2))?.[1];
  return digits === undefined ? undefined : Number(digits);
}
