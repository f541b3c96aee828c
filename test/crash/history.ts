import type { ServiceApi, StoredEvent } from './service-api.js';

const PAGE = 1000;

/** All events that were ever seen in the service's history, remembered outside of it. */
export class History {
  readonly events: StoredEvent[] = [];

  /**
   * Reads on from the last event that was seen. @returns what is wrong: the event seen last is not there any more
   * @throws {Unanswered}
   */
  async readOn(api: ServiceApi): Promise<string[]> {
    const last = this.events.at(-1);
    // Some stores only read on from where an event is.
    let after = this.events.at(-2)?.position ?? null;
    const read: StoredEvent[] = [];
    for (;;) {
      const page = await pageAfter(api, after);
      read.push(...page.items);
      after = page.position;
      if (page.live || page.items.length === 0) break;
    }
    const again = last ? read.shift() : undefined;
    if (last && !isSame(last, again)) return [`${nameOf(last)} was there and is now ${again ? nameOf(again) : 'gone'}`];
    this.events.push(...read);
    return [];
  }

  /** Reads everything again. @returns events that were seen before and are different or gone @throws {Unanswered} */
  async readAgain(api: ServiceApi): Promise<string[]> {
    const fresh = new History();
    await fresh.readOn(api);
    return this.events.flatMap((event, index) => {
      const now = fresh.events[index];
      return isSame(event, now) ? [] : [`${nameOf(event)} was there and is now ${now ? nameOf(now) : 'gone'}`];
    });
  }
}

export function nameOf({ type, stream, revision, position }: StoredEvent): string {
  return `${type} ${stream}@${revision} (position ${position})`;
}

async function pageAfter(
  api: ServiceApi,
  after: number | null,
): Promise<{ items: StoredEvent[]; position: number | null; live: boolean }> {
  const from = after === null ? '' : `&after=${after}`;
  return api.read(`/admin/events?limit=${PAGE}${from}`);
}

function isSame(a: StoredEvent, b: StoredEvent | undefined): boolean {
  return (
    b !== undefined &&
    a.id === b.id &&
    a.position === b.position &&
    a.stream === b.stream &&
    a.revision === b.revision &&
    JSON.stringify(a.data) === JSON.stringify(b.data)
  );
}
