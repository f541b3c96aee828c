import type { EventSelection, PublicEvents } from '../contracts/public-events.js';
import type { EventNotReadable } from '../event-store/event-codec.js';
import type { RingEntry } from './frame-ring.js';
import type { Reached } from './reached.js';
import type { PreparedSelection, StreamClient } from './stream-client.js';

interface Group {
  readonly wants: PreparedSelection;
  readonly clients: Set<StreamClient>;
}

/** What came of handing on. The clients named here are not live any more. */
export interface HandedOn {
  /** Events written, summed over the clients. */
  readonly sent: number;
  readonly choked: readonly StreamClient[];
  readonly blocked: readonly { readonly client: StreamClient; readonly by: EventNotReadable }[];
}

/** The clients at the live end, those that want the same together: what is new to them is chosen and joined once. */
export class LiveClients {
  private readonly groups = new Map<string, Group>();

  constructor(private readonly published: PublicEvents) {}

  /** @throws {InvalidInput} a selection of what is not published */
  prepare(selection: EventSelection): PreparedSelection {
    const { types, aggregateKind, aggregateId } = selection;
    const key = JSON.stringify([types && [...new Set(types)].sort(), aggregateKind, aggregateId]);
    return this.groups.get(key)?.wants ?? { key, selection, selects: this.published.matcher(selection) };
  }

  add(client: StreamClient): void {
    const { wants } = client;
    const group = this.groups.get(wants.key) ?? { wants, clients: new Set() };
    this.groups.set(wants.key, group);
    group.clients.add(client);
    client.state = 'live';
  }

  remove(client: StreamClient): void {
    const { key } = client.wants;
    const group = this.groups.get(key);
    if (group?.clients.delete(client) && group.clients.size === 0) this.groups.delete(key);
  }

  /**
   * Gives everybody what is new.
   *
   * @param before what everybody has been given so far
   * @param mostUnsent bytes that may wait for one client
   */
  handOn(entries: readonly RingEntry[], before: Reached, mostUnsent: number): HandedOn {
    const outcome = { sent: 0, choked: [] as StreamClient[], blocked: [] as HandedOn['blocked'][number][] };
    for (const { wants, clients } of this.groups.values()) {
      const wanted = entries.filter(wants.selects);
      const frames = framesOf(wanted);
      const last = wanted[frames.length - 1];
      const by = wanted[frames.length]?.frame;
      const bytes = frames.length === 1 && frames[0] ? frames[0] : Buffer.concat(frames);
      for (const client of clients) {
        if (wanted.length > 0 && client.unsent > mostUnsent) {
          client.reached = before;
          outcome.choked.push(client);
          continue;
        }
        if (last) client.writeEvents(bytes, frames.length, last.position);
        outcome.sent += frames.length;
        if (by && !Buffer.isBuffer(by)) outcome.blocked.push({ client, by });
      }
    }
    for (const client of outcome.choked) this.remove(client);
    for (const { client } of outcome.blocked) this.remove(client);
    return outcome;
  }
}

/** Up to the first event that cannot be read. */
function framesOf(entries: readonly RingEntry[]): Buffer[] {
  const frames: Buffer[] = [];
  for (const { frame } of entries) {
    if (!Buffer.isBuffer(frame)) break;
    frames.push(frame);
  }
  return frames;
}
