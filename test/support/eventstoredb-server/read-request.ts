import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Predicate } from './all-reader.js';
import { streamNameIn } from './messages.js';
import type { UuidForm } from './messages.js';
import type { Direction } from './records.js';
import { BadRequest } from './server-errors.js';

interface AnyRead {
  readonly isSubscription: boolean;
  /** Largest number of events of a read. */
  readonly count: number;
  readonly direction: Direction;
  readonly resolveLinks: boolean;
  readonly uuids: UuidForm;
}

export interface StreamRead extends AnyRead {
  readonly of: 'stream';
  readonly stream: string;
  /** A revision; a read includes it, a subscription does not. -1: a subscription from the start; Infinity: the end. */
  readonly from: number;
}

export interface AllRead extends AnyRead {
  readonly of: 'all';
  /** A position; a subscription does not include it. 0: the start; Infinity: the end. */
  readonly from: number;
  readonly wanted: Predicate;
  /** A subscription sends a checkpoint every so many events of any kind; undefined: never. */
  readonly checkpointEvery: number | undefined;
}

export type ReadRequest = StreamRead | AllRead;

/** Search window of a filter that does not name one. */
const DEFAULT_SEARCH_WINDOW = 32;

/** What a client asks for. @throws {BadRequest} */
export function parseRead(request: ReadReq): ReadRequest {
  const options = request.getOptions();
  if (!options) throw new BadRequest('Options are missing.');
  const isSubscription = options.hasSubscription();
  const isBackwards = options.getReadDirection() === pb.ReadReq.Options.ReadDirection.BACKWARDS;
  const common: AnyRead = {
    isSubscription,
    count: isSubscription ? Infinity : Number(options.getCount()),
    direction: isBackwards && !isSubscription ? 'backwards' : 'forwards',
    resolveLinks: options.getResolveLinks(),
    uuids: options.getUuidOption()?.hasStructured() ? 'structured' : 'string',
  };
  const stream = options.getStream();
  if (stream) {
    const name = streamNameIn(stream.getStreamIdentifier());
    if (name === '') throw new BadRequest('Stream name is empty.');
    return { ...common, of: 'stream', stream: name, from: revisionIn(stream, isSubscription) };
  }
  const all = options.getAll();
  if (!all) throw new BadRequest('Neither a stream nor $all is named.');
  const position = all.getPosition();
  const from = position ? Number(position.getCommitPosition()) : all.hasEnd() ? Infinity : 0;
  return { ...common, of: 'all', from, ...filterIn(options.getFilter()) };
}

function revisionIn(stream: ReadReq.Options.StreamOptions, isSubscription: boolean): number {
  if (stream.hasEnd()) return Infinity;
  if (stream.hasRevision()) return Number(stream.getRevision());
  return isSubscription ? -1 : 0;
}

function filterIn(filter: ReadReq.Options.FilterOptions | undefined): Pick<AllRead, 'wanted' | 'checkpointEvery'> {
  if (!filter) return { wanted: () => true, checkpointEvery: undefined };
  const ofStreams = filter.getStreamIdentifier();
  const expression = ofStreams ?? filter.getEventType();
  if (!expression) throw new BadRequest('The filter says nothing.');
  const matches = matcher(expression);
  const window = filter.hasMax() ? filter.getMax() : DEFAULT_SEARCH_WINDOW;
  return {
    wanted: ofStreams ? (stream) => matches(stream) : (_, type) => matches(type),
    checkpointEvery: window * Math.max(1, filter.getCheckpointintervalmultiplier()),
  };
}

function matcher(expression: ReadReq.Options.FilterOptions.Expression): (name: string) => boolean {
  const prefixes = expression.getPrefixList();
  if (prefixes.length > 0) return (name) => prefixes.some((prefix) => name.startsWith(prefix));
  try {
    const pattern = new RegExp(expression.getRegex(), 'u');
    return (name) => pattern.test(name);
  } catch (error) {
    throw new BadRequest('The filter is not a regular expression.', { cause: error });
  }
}
