import type { Logger } from 'pino';

/** The part of the driver's client that tells what its monitors see. */
export interface Monitored {
  on(event: 'serverHeartbeatFailed', listener: (beat: Heartbeat & { readonly failure: Error }) => void): unknown;
  on(event: 'serverHeartbeatSucceeded', listener: (beat: Heartbeat) => void): unknown;
}

interface Heartbeat {
  /** The server, `host:port`. */
  readonly connectionId: string;
}

/**
 * What the driver's monitors find out about the servers. One line in the log when a server is lost and one when it is
 * back, not one for each attempt.
 */
export class Reachability {
  /** The servers that do not answer, and why. */
  private readonly lost = new Map<string, Error>();
  private answeredOnce = false;

  constructor(
    client: Monitored,
    private readonly address: string,
    private readonly log: Logger,
  ) {
    client.on('serverHeartbeatFailed', ({ connectionId, failure }) => this.failed(connectionId, failure));
    client.on('serverHeartbeatSucceeded', ({ connectionId }) => this.answered(connectionId));
  }

  /**
   * The reason behind an error that only says that no server could be used: what the monitor of a lost server saw. Any
   * other error is its own reason.
   */
  reasonOf(error: unknown): unknown {
    const isVague = error instanceof Error && VAGUE.test(`${error.name}: ${error.message}`);
    return isVague ? ([...this.lost.values()][0] ?? error) : error;
  }

  /** True when a server has answered since the start: then host, port and TLS are right. */
  get hasAnswered(): boolean {
    return this.answeredOnce;
  }

  private failed(server: string, failure: Error): void {
    if (!this.lost.has(server)) {
      this.log.warn({ mongodb: this.address, server, error: failure.message }, 'mongodb.lost');
    }
    this.lost.set(server, failure);
  }

  private answered(server: string): void {
    this.answeredOnce = true;
    if (this.lost.delete(server)) this.log.info({ mongodb: this.address, server }, 'mongodb.regained');
  }
}

/** The driver ends what waits for a server when it gives up connecting, and then says only that. */
const VAGUE = /^MongoTopologyClosedError|^MongoServerSelectionError: Server selection timed out/;
