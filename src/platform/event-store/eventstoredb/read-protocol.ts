import type { Direction, Filter } from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Position } from '../event-store.port.js';

/** A read of the global order through a filter. */
export interface FilteredRead {
  /** Inclusive; null: the beginning (forwards) or the end (backwards). */
  readonly from: Position | null;
  readonly direction: Direction;
  readonly maxCount: number;
  readonly filter: Filter;
}

const { Options } = streams.ReadReq;

/** The message of a filtered read. */
export function toReadRequest({ from, direction, maxCount, filter }: FilteredRead): ReadReq {
  const isForwards = direction === 'forwards';
  const options = new Options()
    .setAll(startOf(from, isForwards))
    .setReadDirection(isForwards ? Options.ReadDirection.FORWARDS : Options.ReadDirection.BACKWARDS)
    .setCount(String(maxCount))
    .setFilter(toFilterOptions(filter))
    .setUuidOption(new Options.UUIDOption().setString(new shared.Empty()));
  return new streams.ReadReq().setOptions(options);
}

function startOf(from: Position | null, isForwards: boolean): ReadReq.Options.AllOptions {
  const start = new Options.AllOptions();
  if (from !== null) {
    const position = new Options.Position().setCommitPosition(String(from)).setPreparePosition(String(from));
    return start.setPosition(position);
  }
  return isForwards ? start.setStart(new shared.Empty()) : start.setEnd(new shared.Empty());
}

function toFilterOptions(filter: Filter): ReadReq.Options.FilterOptions {
  const expression = new Options.FilterOptions.Expression();
  if ('prefixes' in filter) expression.setPrefixList(filter.prefixes);
  else expression.setRegex(filter.regex);
  const options = new Options.FilterOptions()
    .setCount(new shared.Empty())
    .setCheckpointintervalmultiplier(filter.checkpointInterval);
  return filter.filterOn === 'streamName' ? options.setStreamIdentifier(expression) : options.setEventType(expression);
}
