/** How well the page is informed; what banners tell. */
export interface ConnectionState {
  /** `connecting`: for the first time. `lost`: it was there, or should have been by now. */
  readonly feed: 'connecting' | 'open' | 'lost';
  /** The last request got an answer. */
  readonly reachable: boolean;
  /** The service's views have not reached what has happened. */
  readonly late: boolean;
}

/** The state, and who watches it. */
export class ConnectionMonitor {
  private state: ConnectionState = { feed: 'connecting', reachable: true, late: false };
  private heard: number | null = null;
  private readonly listeners = new Set<() => void>();

  readonly current = (): ConnectionState => this.state;

  /** When the page last heard from the service, by the service's clock; null before the first time. Epoch ms. */
  readonly heardAt = (): number | null => this.heard;

  /** @returns ends it */
  readonly listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  hear(at: number): void {
    this.heard = at;
  }

  update(change: Partial<ConnectionState>): void {
    const next = { ...this.state, ...change };
    const { feed, reachable, late } = this.state;
    if (next.feed === feed && next.reachable === reachable && next.late === late) return;
    this.state = next;
    for (const listener of this.listeners) listener();
  }
}
