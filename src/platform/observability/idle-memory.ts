/**
 * Quiet for so long, and what the last work left behind is given back. A little longer than an idle parsing thread stays
 * (TelemetryParser, 10 s): the memory of its heap goes to a pool of V8's, which the collection empties as well.
 */
const QUIET_MS = 10_500;

/**
 * Gives memory back to the machine when there is nothing to do. V8 keeps what a burst of work (a detection run, say) made
 * its heap grow to, until it needs to collect again, which in an idle service is hours later. One full collection takes
 * some 50 ms, in a moment when nobody waits. Needs `node --expose-gc`, as the start script has it; does nothing without.
 */
export class IdleMemory {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly collect: (() => unknown) | undefined = collector(),
    private readonly quietMs: number = QUIET_MS,
  ) {}

  /** Work was done; the quiet time begins anew. */
  touch(): void {
    if (!this.collect) return;
    if (this.timer) this.timer.refresh();
    else this.timer = setTimeout(this.collect, this.quietMs).unref();
  }
}

function collector(): (() => unknown) | undefined {
  const { gc } = globalThis;
  return gc && (() => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }));
}
