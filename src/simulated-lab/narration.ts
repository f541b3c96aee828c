/** Who or what a line is about: the machine, CML on it, its users, or somebody at the EC2 console. */
export type NarrationKind = 'instance' | 'cml' | 'user' | 'console';

/** Something that happened in the lab, as it is told on standard output. */
export interface Narration {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly kind: NarrationKind;
  /** Name of the worker. */
  readonly worker: string;
  readonly text: string;
}
