/**
 * The one place the service reads the wall clock. Everything that needs "now" takes it as a parameter or asks an
 * injected {@link Clock}, so that tests can stand still or jump.
 */
export abstract class Clock {
  /** Milliseconds since the Unix epoch, UTC. */
  abstract now(): number;
}

/** The operating system's clock. */
export class SystemClock extends Clock {
  now(): number {
    return Date.now();
  }
}

/** A clock that only moves when told to; for tests. */
export class ManualClock extends Clock {
  constructor(private current: number) {
    super();
  }

  now(): number {
    return this.current;
  }

  /** Jumps to an instant, which may lie in the past. */
  set(epochMs: number): void {
    this.current = epochMs;
  }

  advance(milliseconds: number): void {
    this.current += milliseconds;
  }
}
