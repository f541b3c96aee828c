import { InvalidInput } from '../errors.js';
import type { EventStore } from '../event-store/event-store.port.js';
import type { PositionTokens } from '../event-store/position-tokens.js';
import { pause } from '../projections/pause.js';
import type { FeedOptions } from './feed-options.js';
import { PositionBeyondTheEnd, PositionOfAnotherHistory } from './feed.errors.js';
import { BEGINNING, FROM_BEGINNING, FROM_NOW, reachedOf } from './reached.js';
import type { Reached } from './reached.js';

/** From what clients say that they have seen to a position in the event store. */
export class FeedPositions {
  /** The history reaches at least so far. */
  private known: Reached = BEGINNING;

  constructor(
    private readonly events: EventStore,
    private readonly tokens: PositionTokens,
    private readonly options: Pick<FeedOptions, 'aheadMs' | 'aheadEveryMs'>,
  ) {}

  /** Where the history ends now. @throws {EventStoreUnavailable} */
  async head(): Promise<Reached> {
    const head = reachedOf(await this.events.head());
    this.known = Math.max(this.known, head);
    return head;
  }

  /**
   * The position that `beginning`, `now` or a token stands for.
   *
   * @param field where it was given, for the error
   * @throws {InvalidInput} it is none of them
   * @throws {PositionOfAnotherHistory} @throws {PositionBeyondTheEnd} @throws {EventStoreUnavailable}
   */
  async resolve(text: string, field: string): Promise<Reached> {
    if (text === FROM_BEGINNING) return BEGINNING;
    if (text === FROM_NOW) return await this.head();
    const position = await this.tokens.decode(text);
    if (position === 'malformed') {
      const message = `a position that this feed has handed out, '${FROM_BEGINNING}' or '${FROM_NOW}' is accepted`;
      throw new InvalidInput([{ field, message }]);
    }
    if (position === 'of_another_history') throw new PositionOfAnotherHistory(field, await this.events.identity());
    if (!(await this.reaches(position))) throw new PositionBeyondTheEnd(field, await this.events.identity());
    return position;
  }

  /** What another instance has just seen may be new to this one's view of the store: so it is looked for again. */
  private async reaches(position: Reached): Promise<boolean> {
    if (position <= this.known) return true;
    const { aheadMs, aheadEveryMs } = this.options;
    const until = performance.now() + aheadMs;
    while ((await this.head()) < position) {
      if (performance.now() >= until) return false;
      await pause(aheadEveryMs, new AbortController().signal);
    }
    return true;
  }
}
