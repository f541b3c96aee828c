import type { StoredEventDto } from '../../platform/operations/stored-events.http.controller.js';
import type { QueryParameters, ServiceApi } from '../service-api.js';
import { CliError, segment } from '../service-api.js';
import { printable } from '../text.js';

/** An event as `/admin/events` and `/admin/streams` answer it. */
export type StoredEvent = Pick<StoredEventDto, 'id' | 'stream' | 'revision' | 'position' | 'type' | 'recorded_at'> & {
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
};

/** A page of `/admin/events`. */
export interface StoredEventPage {
  readonly items: readonly StoredEvent[];
  /** Pass as `after` to go on; null: nothing has passed yet. */
  readonly position: number | null;
  /** There is nothing beyond this page at the moment. */
  readonly live: boolean;
}

/** Which events; absent: all. */
export interface EventSelection {
  readonly type?: string;
  readonly stream_prefix?: string;
}

const PAGE = 1000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A page of events in their order, from after a position (undefined: the beginning). */
export function eventsAfter(
  api: ServiceApi,
  after: number | undefined,
  selection: EventSelection = {},
): Promise<StoredEventPage> {
  return api.get('/admin/events', { ...selection, after, limit: PAGE });
}

/** The last `count` events, in their order. */
export async function lastEvents(api: ServiceApi, count: number, selection: EventSelection): Promise<StoredEvent[]> {
  if (count === 0) return [];
  const query: QueryParameters = { ...selection, direction: 'backwards', limit: count };
  return [...(await api.get<StoredEventPage>('/admin/events', query)).items].reverse();
}

/** Position of the last event; undefined while there is none. */
export async function endOfEvents(api: ServiceApi): Promise<number | undefined> {
  return (await lastEvents(api, 1, {}))[0]?.position;
}

/** All events of a stream, in their order. @throws {Refused} stream_not_found */
export async function* streamEvents(api: ServiceApi, stream: string): AsyncGenerator<StoredEvent> {
  const path = `/admin/streams/${segment(stream)}`;
  let page = await api.get<StoredEvent[]>(path, { limit: PAGE });
  for (;;) {
    yield* page;
    const last = page[page.length - 1];
    if (!last || page.length < PAGE) return;
    page = await api.get<StoredEvent[]>(path, { from: last.revision + 1, limit: PAGE });
  }
}

/** True for what names one event rather than a stream: an event id or a position. */
export function namesOneEvent(reference: string): boolean {
  return UUID.test(reference) || /^\d{1,15}$/.test(reference);
}

/**
 * The event with this id or position. Looking for an id reads the history from its end.
 *
 * @throws {CliError} event_not_found
 */
export async function findEvent(api: ServiceApi, reference: string): Promise<StoredEvent> {
  const found = UUID.test(reference)
    ? await findById(api, reference.toLowerCase())
    : await findAt(api, Number(reference));
  if (found) return found;
  throw new CliError('event_not_found', `There is no event '${reference}'. A stream is named like cmlWorker-<id>.`);
}

async function findAt(api: ServiceApi, position: number): Promise<StoredEvent | undefined> {
  const page = await api.get<StoredEventPage>('/admin/events', {
    after: position === 0 ? undefined : position - 1,
    limit: 1,
  });
  return page.items.find((event) => event.position === position);
}

async function findById(api: ServiceApi, id: string): Promise<StoredEvent | undefined> {
  let after: number | undefined;
  for (;;) {
    const query = { direction: 'backwards', after, limit: PAGE };
    const { items } = await api.get<StoredEventPage>('/admin/events', query);
    const found = items.find((event) => event.id === id);
    const last = items[items.length - 1];
    if (found || !last) return found;
    after = last.position;
  }
}

/** One line: when, where in the history, what, of which stream, by whom, and its plain values. */
export function eventLine(event: StoredEvent): string {
  const { recorded_at, position, type, stream, revision, metadata, data } = event;
  const values = Object.entries(data).flatMap(([name, value]) => (isPlain(value) ? [`${name}=${String(value)}`] : []));
  const actor = typeof metadata['actor'] === 'string' ? metadata['actor'] : 'unknown';
  return printable(`${recorded_at}  ${position}  ${type}  ${stream}@${revision}  by ${actor}  ${values.join(' ')}`);
}

/** Everything about one event. */
export function eventText(event: StoredEvent): string[] {
  const { type, stream, revision, position, recorded_at, id, data, metadata } = event;
  return [
    printable(`${type}  ${stream}@${revision}`),
    printable(`  position ${position}, recorded ${recorded_at}, id ${id}`),
    ...block('data', data),
    ...block('metadata', metadata),
  ];
}

function block(label: string, value: object): string[] {
  return `${label}: ${JSON.stringify(value, null, 2)}`.split('\n').map((line) => `  ${printable(line)}`);
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' ? value.length <= 60 : typeof value === 'number' || typeof value === 'boolean';
}
