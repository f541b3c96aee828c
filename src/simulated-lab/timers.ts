/** Timers that end together. */
export class Timers {
  private readonly running = new Set<NodeJS.Timeout>();

  every(milliseconds: number, act: () => void): void {
    this.running.add(setInterval(act, milliseconds));
  }

  after(milliseconds: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.running.delete(timer);
      act();
    }, milliseconds);
    this.running.add(timer);
  }

  clear(): void {
    for (const timer of this.running) clearTimeout(timer);
    this.running.clear();
  }
}
