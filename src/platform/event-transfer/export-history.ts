import { createHash } from 'node:crypto';
import type { Position } from '../event-store/event-store.port.js';
import type { HistoryHeader, HistorySummary, HistoryTrailer, StoredHistoryEvent } from './history-format.js';
import { FORMAT, FORMAT_VERSION, HistoryIncomplete } from './history-format.js';
import type { HistorySource } from './history-source.js';

/** Pages are made about so large, in characters, and never of more events than this. */
const PAGE_CHARACTERS = 2_000_000;
const LARGEST_PAGE = 500;
const FIRST_PAGE = 50;

export interface ExportOptions {
  /** ISO 8601, UTC. */
  readonly exportedAt: string;
  /** Takes the next part of the file; the export waits for it. */
  readonly write: (text: string) => Promise<void>;
  /** Told after each page how many events are written. */
  readonly onProgress?: (events: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes a history as a file: everything that was stored when the source was opened.
 *
 * @throws {HistoryIncomplete} a stream lacks events @throws the signal's reason
 */
export async function exportHistory(source: HistorySource, options: ExportOptions): Promise<HistorySummary> {
  const hash = createHash('sha256');
  const write = async (text: string): Promise<void> => {
    hash.update(text);
    await options.write(text);
  };
  const header: HistoryHeader = {
    format: FORMAT,
    version: FORMAT_VERSION,
    history: source.identity,
    exported_at: options.exportedAt,
  };
  await write(`${JSON.stringify(header)}\n`);
  const revisions = new Map<string, number>();
  let events = 0;
  for await (const page of pagesOf(source, options.signal)) {
    for (const event of page.events) expectNext(revisions, event);
    await write(page.text);
    events += page.events.length;
    options.onProgress?.(events);
  }
  const sha256 = hash.digest('hex');
  const trailer: HistoryTrailer = { end: FORMAT, events, sha256 };
  await options.write(`${JSON.stringify(trailer)}\n`);
  return { history: source.identity, events, streams: revisions.size, sha256 };
}

/**
 * Takes note of a stream's next event.
 *
 * @param revisions of each stream, the revision that comes next
 * @throws {HistoryIncomplete}
 */
function expectNext(revisions: Map<string, number>, { stream, revision }: StoredHistoryEvent): void {
  const expected = revisions.get(stream) ?? 0;
  if (revision !== expected) throw new HistoryIncomplete(stream, expected, revision);
  revisions.set(stream, expected + 1);
}

interface Page {
  readonly events: readonly StoredHistoryEvent[];
  readonly text: string;
}

/** The pages up to the end that the source had when it was opened; as large as the events before let hope. */
async function* pagesOf(source: HistorySource, signal: AbortSignal | undefined): AsyncGenerator<Page> {
  const { end } = source;
  if (end === null) return;
  let limit = FIRST_PAGE;
  for (let after: Position | null = null; ;) {
    signal?.throwIfAborted();
    const { events, position, live } = await source.page(after, limit);
    const wanted = events.filter((event) => event.position <= end);
    if (wanted.length > 0) {
      const text = wanted.map(lineOf).join('');
      yield { events: wanted, text };
      limit = Math.max(
        1,
        Math.min(LARGEST_PAGE, 2 * limit, Math.floor((PAGE_CHARACTERS * wanted.length) / text.length)),
      );
    }
    if (live || (position !== null && position >= end)) return;
    after = position;
  }
}

/** Field by field: the order is part of the format, and the position is not. */
function lineOf({ stream, revision, id, type, data, metadata, recorded_at }: StoredHistoryEvent): string {
  return `${JSON.stringify({ stream, revision, id, type, data, metadata, recorded_at })}\n`;
}
