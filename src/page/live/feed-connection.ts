/** What the page reads of an event of the feed (a CloudEvent). */
export interface FeedEvent {
  /** `dormouse.cml_worker.paused.v1` and the like. */
  readonly type: string;
  /** `<kind>/<id>` of what it happened to. */
  readonly subject: string;
  /** Its token: where the feed goes on from, and what an answer has to be as new as. */
  readonly position: string;
}

/** What a stream of server-sent events tells. */
export interface StreamHandlers {
  opened(): void;
  message(data: string): void;
  /** @param final whether it has given up; otherwise it tries again by itself */
  broke(final: boolean): void;
}

/** Opens a stream. @returns closes it; after that it tells nothing */
export type Connect = (handlers: StreamHandlers) => () => void;

export interface FeedListener {
  event(event: FeedEvent): void;
  /** The feed flows, for the first time or again. Whatever was shown before may be stale. */
  opened(): void;
  /** It does not; it is being tried again. */
  lost(): void;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * The event feed for as long as the page is open. A browser's EventSource resumes a broken connection by itself, where it
 * stopped (Last-Event-ID); it gives up for good when the service answers anything but a stream, which a proxy does in
 * front of a service that restarts. Then this begins anew, with growing pauses.
 */
export class FeedConnection {
  private close: (() => void) | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private waitMs = FIRST_WAIT_MS;
  private isOpen = false;

  constructor(
    private readonly connect: Connect,
    private readonly listener: FeedListener,
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.close = this.connect({
      opened: () => {
        this.waitMs = FIRST_WAIT_MS;
        this.isOpen = true;
        this.listener.opened();
      },
      message: (data) => {
        const event = readEvent(data);
        if (event) this.listener.event(event);
      },
      broke: (final) => this.broke(final),
    });
  }

  stop(): void {
    clearTimeout(this.retry);
    this.close?.();
    this.close = undefined;
    this.isOpen = false;
  }

  /** Tries at once what would be tried later: somebody looks at the page again. */
  hurry(): void {
    if (this.isOpen || !this.close) return;
    this.stop();
    this.waitMs = FIRST_WAIT_MS;
    this.start();
  }

  private broke(final: boolean): void {
    this.isOpen = false;
    this.listener.lost();
    if (!final) return;
    this.close?.();
    clearTimeout(this.retry);
    // Spread, so that the pages of a whole team do not come back in one moment.
    this.retry = setTimeout(() => this.start(), this.waitMs * (0.5 + this.random() / 2));
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** @returns undefined for what is no event of the feed; the page goes on without it */
export function readEvent(data: string): FeedEvent | undefined {
  try {
    const event: unknown = JSON.parse(data);
    if (typeof event !== 'object' || event === null) return undefined;
    const { type, subject, position } = event as Record<string, unknown>;
    return typeof type === 'string' && typeof subject === 'string' && typeof position === 'string'
      ? { type, subject, position }
      : undefined;
  } catch {
    // Not JSON: the next full look shows what it may have said.
    return undefined;
  }
}
