import type { ExpectedRevision } from '../../../src/platform/event-store/event-store.port.js';

/** What an append should come to: the revision it ends at, or where the stream is instead. */
export type ModelOutcome = { readonly revision: number } | { readonly actual: number | 'no_stream' };

/** The event store as its contract says it: streams of ids, and the order in which they were written. */
export class EventStoreModel {
  private readonly streams = new Map<string, string[]>();
  /** Every event written, in order. */
  readonly log: { stream: string; id: string; revision: number }[] = [];

  idsIn(stream: string): readonly string[] {
    return this.streams.get(stream) ?? [];
  }

  append(stream: string, ids: readonly string[], expected: ExpectedRevision): ModelOutcome {
    const present = this.idsIn(stream);
    const actual = present.length - 1;
    const wrong: ModelOutcome = { actual: actual === -1 ? 'no_stream' : actual };

    if (expected === 'any' || expected === 'exists') {
      if (expected === 'exists' && actual === -1) return wrong;
      const known = ids.map((id) => present.indexOf(id));
      if (known[0] === -1) return this.write(stream, ids);
      return known.includes(-1) ? wrong : { revision: known.at(-1)! };
    }
    const revision = expected === 'no_stream' ? -1 : expected;
    if (revision === actual) return this.write(stream, ids);
    const isRepeat = ids.every((id, index) => present[revision + 1 + index] === id);
    return isRepeat ? { revision: revision + ids.length } : wrong;
  }

  private write(stream: string, ids: readonly string[]): ModelOutcome {
    const present = [...this.idsIn(stream)];
    for (const id of ids) {
      this.log.push({ stream, id, revision: present.length });
      present.push(id);
    }
    this.streams.set(stream, present);
    return { revision: present.length - 1 };
  }
}
