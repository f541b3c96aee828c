import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventBatch, Position, RecordedEvent } from '../event-store/event-store.port.js';
import type { Generation, WriteContext } from './generation.js';
import type { ProjectionContext } from './projection-options.js';
import { filterOf } from './projection.js';
import type { Projection } from './projection.js';

/** How far to read and what of it to take. */
export interface CatchUpLimits {
  /** Stop here exactly; asked again before every page. Absent: the end of the store as it is met. */
  readonly upTo?: () => Position | null;
  /** Events to take; absent: all. */
  readonly takes?: (event: RecordedEvent) => boolean;
  readonly onPage?: (page: EventBatch) => void | Promise<void>;
}

/** Reads on from where the generation is, page by page, and lets others run in between. */
export async function catchUp(
  generation: Generation,
  context: ProjectionContext,
  projection: Projection,
  write: WriteContext,
  limits: CatchUpLimits = {},
): Promise<void> {
  const filter = filterOf(projection);
  for (;;) {
    write.signal.throwIfAborted();
    const end = limits.upTo?.();
    if (end !== undefined && (end === null || (generation.readTo ?? -1) >= end)) return generation.settle(write);
    const page = await context.events.readAll({
      after: generation.readTo,
      limit: context.options.batchSize,
      filter,
    });
    const taken = cut(page, end, limits.takes);
    await generation.apply(taken, write);
    await limits.onPage?.(taken);
    if (page.live) return;
    await nextTurn();
  }
}

function cut(page: EventBatch, end: Position | undefined, takes?: (event: RecordedEvent) => boolean): EventBatch {
  if (end === undefined && !takes) return page;
  const within = (event: RecordedEvent) => end === undefined || event.position <= end;
  const events = page.events.filter((event) => within(event) && (takes?.(event) ?? true));
  const position = page.position === null || end === undefined ? page.position : Math.min(page.position, end);
  return { ...page, events, position };
}
