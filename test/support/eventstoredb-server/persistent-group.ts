import { createHash } from 'node:crypto';
import { serverEvent } from './event-log.js';
import { persistentEventMessage } from './messages.js';
import type { UuidForm } from './messages.js';
import type { Outlet } from './outlet.js';
import { BINARY_CONTENT, LINK, METADATA, metastreamOf } from './records.js';
import type { StoredEvent } from './records.js';
import { GroupRefusal } from './server-errors.js';
import type { ResolvedEvent, StreamsDatabase } from './streams-database.js';

/** What a group was made with; kept as JSON. */
export interface GroupSettings {
  readonly stream: string;
  readonly group: string;
  readonly resolve_links: boolean;
  /** Revision to begin with. */
  readonly start_from: number;
  readonly message_timeout_ms: number;
  readonly max_retry_count: number;
  /** 0: any number. */
  readonly max_subscriber_count: number;
  readonly consumer_strategy: string;
}

export type NackAction = 'retry' | 'park' | 'skip' | 'stop';

/** Somebody who reads a group. */
interface Consumer {
  readonly outlet: Outlet;
  readonly uuids: UuidForm;
  /** How many more events may be on their way to it. */
  room: number;
}

/** An event that has to be handled by somebody. */
interface Delivery {
  readonly resolved: ResolvedEvent;
  /** Of the group's stream, or of the stream of parked ones. */
  readonly source: StoredEvent;
  readonly isReplay: boolean;
  retries: number;
}

interface Outstanding {
  readonly delivery: Delivery;
  readonly consumer: Consumer;
  readonly timeout: NodeJS.Timeout;
}

/** One group of a persistent subscription to a stream: hands each event to one of its consumers, until it is done. */
export class PersistentGroup {
  private readonly consumers = new Set<Consumer>();
  private readonly outstanding = new Map<string, Outstanding>();
  private readonly retries: Delivery[] = [];
  /** Next revision to read. */
  private next: number;
  private savedTo: number;
  private delivered = 0;
  private isSaving = false;

  constructor(
    private readonly database: StreamsDatabase,
    public settings: GroupSettings,
  ) {
    this.next = this.loadCheckpoint() ?? settings.start_from;
    this.savedTo = this.next;
  }

  get parkedStream(): string {
    return `$persistentsubscription-${this.settings.stream}::${this.settings.group}-parked`;
  }

  private get checkpointStream(): string {
    return `$persistentsubscription-${this.settings.stream}::${this.settings.group}-checkpoint`;
  }

  /** Adds a consumer; it leaves when its call ends. @throws {GroupRefusal} */
  join(outlet: Outlet, room: number, uuids: UuidForm): void {
    const { stream, group, max_subscriber_count: limit } = this.settings;
    if (limit > 0 && this.consumers.size >= limit) throw new GroupRefusal('maximum-subscribers-reached', stream, group);
    const consumer = { outlet, uuids, room };
    this.consumers.add(consumer);
    outlet.closed.addEventListener('abort', () => this.leave(consumer), { once: true });
    this.pump();
    this.inBackground(this.follow(consumer));
  }

  /** Sends what there is to whoever has room. */
  pump(): void {
    while ([...this.consumers].some(({ room }) => room > 0)) {
      const retry = this.retries[0];
      const delivery = retry ?? this.peek();
      const consumer = delivery && this.consumerFor(delivery);
      if (!consumer) return;
      if (retry) this.retries.shift();
      else this.next = Number(delivery.source.revision) + 1;
      this.send(delivery, consumer);
    }
  }

  ack(ids: readonly string[]): void {
    for (const id of ids) this.take(id);
    this.advance();
  }

  nack(ids: readonly string[], action: NackAction, reason: string): void {
    this.inBackground(this.refuse(ids, action, reason));
  }

  private async refuse(ids: readonly string[], action: NackAction, reason: string): Promise<void> {
    for (const id of ids) {
      const delivery = this.take(id);
      if (!delivery) continue;
      if (action === 'park') await this.park(delivery, reason);
      else if (action === 'retry') await this.retry(delivery);
      else if (action === 'stop') this.end();
    }
    this.advance();
  }

  /** Gives what was parked to the consumers again. */
  async replayParked(): Promise<void> {
    const parked = [...this.database.read(this.parkedStream, 0, 'forwards')].flat();
    const last = parked.at(-1);
    if (!last) return;
    const metadata = serverEvent(METADATA, JSON.stringify({ $tb: Number(last.revision) + 1 }));
    await this.database.append(metastreamOf(this.parkedStream), [metadata], 'any');
    for (const source of parked) {
      this.retries.push({ source, resolved: this.database.resolve(source, true), isReplay: true, retries: 0 });
    }
    this.pump();
  }

  /** Ends all its consumers, because the group was deleted, or one of them asked for it. */
  end(): void {
    const { stream, group } = this.settings;
    const reason = new GroupRefusal('persistent-subscription-dropped', stream, group);
    for (const { outlet } of [...this.consumers]) outlet.fail(reason);
  }

  get stats() {
    const parked = [...this.database.read(this.parkedStream, 0, 'forwards')].flat().length;
    return {
      parked,
      delivered: this.delivered,
      in_flight: this.outstanding.size,
      retrying: this.retries.length,
      consumers: this.consumers.size,
      last_checkpoint: this.savedTo - 1,
      last_known: this.database.lengthOf(this.settings.stream) - 1,
    };
  }

  private async follow({ outlet }: Consumer): Promise<void> {
    while (outlet.isOpen && this.database.log.isOpen) {
      await this.database.log.commits.next(outlet.closed);
      if (outlet.isOpen && this.database.log.isOpen) this.pump();
    }
  }

  /** Undefined: nobody has room for it now. */
  private consumerFor({ resolved, source }: Delivery): Consumer | undefined {
    const all = [...this.consumers];
    if (this.settings.consumer_strategy !== 'Pinned') return roomiest(all);
    // All events of one stream to one consumer, as long as the same consumers are there.
    const hash = createHash('sha256')
      .update((resolved.event ?? source).stream)
      .digest()
      .readUInt32BE();
    const pinned = all[hash % all.length];
    return pinned && pinned.room > 0 ? pinned : undefined;
  }

  /** What comes next of the stream, without taking it. */
  private peek(): Delivery | undefined {
    const { stream, resolve_links: resolveLinks } = this.settings;
    for (const [source] of this.database.read(stream, this.next, 'forwards')) {
      if (source) return { source, resolved: this.database.resolve(source, resolveLinks), isReplay: false, retries: 0 };
    }
    return undefined;
  }

  private send(delivery: Delivery, consumer: Consumer): void {
    const id = idOf(delivery);
    consumer.room--;
    this.delivered++;
    const timeout = setTimeout(() => this.nack([id], 'retry', 'Timed out'), this.settings.message_timeout_ms);
    this.outstanding.set(id, { delivery, consumer, timeout: timeout.unref() });
    consumer.outlet.send(persistentEventMessage(delivery.resolved, consumer.uuids, delivery.retries));
  }

  /** An event is no longer with the consumer that had it. */
  private take(id: string): Delivery | undefined {
    const outstanding = this.outstanding.get(id);
    if (!outstanding) return undefined;
    clearTimeout(outstanding.timeout);
    this.outstanding.delete(id);
    outstanding.consumer.room++;
    return outstanding.delivery;
  }

  private leave(consumer: Consumer): void {
    this.consumers.delete(consumer);
    for (const [id, outstanding] of [...this.outstanding]) {
      if (outstanding.consumer !== consumer) continue;
      const delivery = this.take(id);
      if (delivery) this.retries.push(delivery);
    }
    if (this.database.log.isOpen) this.pump();
  }

  private async retry(delivery: Delivery): Promise<void> {
    delivery.retries++;
    if (delivery.retries > this.settings.max_retry_count) await this.park(delivery, 'Max retry count exceeded');
    else this.retries.push(delivery);
  }

  /** What is parked is a link to the event itself, not to the link that led to it. */
  private async park({ resolved: { event, link: led }, source }: Delivery, reason: string): Promise<void> {
    const target = event ? `${event.revision}@${event.stream}` : Buffer.from(led?.data ?? []).toString('utf8');
    const link = serverEvent(LINK, target, BINARY_CONTENT);
    const metadata = Buffer.from(JSON.stringify({ reason, added: new Date(source.created).toISOString() }));
    await this.database.append(this.parkedStream, [{ ...link, metadata }], 'any');
  }

  private advance(): void {
    if (!this.database.log.isOpen) return;
    this.pump();
    this.inBackground(this.saveCheckpoint());
  }

  /** Everything before this revision is done. */
  private get doneTo(): number {
    const open = [...this.outstanding.values()].map(({ delivery }) => delivery).concat(this.retries);
    const revisions = open.filter(({ isReplay }) => !isReplay).map(({ source }) => Number(source.revision));
    return Math.min(this.next, ...revisions);
  }

  /** One write at a time, of the newest. */
  private async saveCheckpoint(): Promise<void> {
    if (this.isSaving) return;
    this.isSaving = true;
    try {
      while (this.doneTo > this.savedTo && this.database.log.isOpen) {
        const { doneTo } = this;
        const checkpoint = serverEvent('$SubscriptionCheckpoint', JSON.stringify(doneTo));
        await this.database.append(this.checkpointStream, [checkpoint], 'any');
        this.savedTo = doneTo;
      }
    } finally {
      this.isSaving = false;
    }
  }

  /** What fails because the server was killed meanwhile is forgotten; some events come once more, as with a real one. */
  private inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (this.database.log.isOpen) throw error;
    });
  }

  private loadCheckpoint(): number | undefined {
    for (const [event] of this.database.read(this.checkpointStream, Infinity, 'backwards')) {
      return event && Number(Buffer.from(event.data).toString('utf8'));
    }
    return undefined;
  }
}

function roomiest(consumers: readonly Consumer[]): Consumer | undefined {
  const [first, ...others] = consumers.filter(({ room }) => room > 0);
  return first && others.reduce((best, other) => (other.room > best.room ? other : best), first);
}

/** What the client acknowledges: the id of the link if there is one. */
function idOf({ resolved, source }: Delivery): string {
  return resolved.link?.id ?? resolved.event?.id ?? source.id;
}
