/**
 * Time that only goes forward, for measuring how long something has taken here. It goes on while the process is stopped;
 * it says nothing about the time of day.
 */
export abstract class MonotonicClock {
  /** Milliseconds since some fixed moment. */
  abstract now(): number;
}

/** The operating system's. */
export class SystemMonotonicClock extends MonotonicClock {
  now(): number {
    return performance.now();
  }
}
