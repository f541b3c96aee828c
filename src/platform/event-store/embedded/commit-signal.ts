/** Wakes those who wait for the next commit. It keeps nothing for those who do not wait. */
export class CommitSignal {
  private readonly waiting = new Set<() => void>();

  /** Wakes everybody who waits now. */
  notify(): void {
    for (const wake of [...this.waiting]) wake();
  }

  /** Resolves at the next {@link notify}, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
