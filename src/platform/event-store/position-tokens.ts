import type { EventStore, Position } from './event-store.port.js';

/** Why a text is no token of this history. */
export type TokenProblem = 'malformed' | 'of_another_history';

/**
 * Positions as clients get them: opaque, and bound to the history that they mean something in. Consistency tokens and
 * the positions of the event feed are the same thing, so what a client has seen in the feed can be waited for in a query.
 */
export class PositionTokens {
  private identity: Promise<string> | undefined;

  constructor(private readonly events: Pick<EventStore, 'identity'>) {}

  /** The token for a position. */
  async encode(position: Position): Promise<string> {
    return `${await this.history()}.${position.toString(36)}`;
  }

  /** How many tokens are made of positions, without waiting for each. */
  async encoder(): Promise<(position: Position) => string> {
    const history = await this.history();
    return (position) => `${history}.${position.toString(36)}`;
  }

  /** The position that a token stands for, or what is wrong with it. */
  async decode(token: string): Promise<Position | TokenProblem> {
    const match = /^([0-9a-f]{8})\.([0-9a-z]{1,11})$/.exec(token);
    const position = match?.[2] === undefined ? NaN : parseInt(match[2], 36);
    if (!match || !Number.isSafeInteger(position)) return 'malformed';
    return match[1] === (await this.history()) ? position : 'of_another_history';
  }

  private async history(): Promise<string> {
    // A store that was away when it was first asked is asked again.
    this.identity ??= this.events.identity().catch((error: unknown) => {
      this.identity = undefined;
      throw error;
    });
    return (await this.identity).replaceAll('-', '').slice(0, 8).toLowerCase();
  }
}
