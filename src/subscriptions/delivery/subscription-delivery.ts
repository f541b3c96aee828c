import type { Logger } from 'pino';
import type { Clock } from '../../platform/clock.js';
import { DormouseError, messageOf } from '../../platform/errors.js';
import { EventNotReadable } from '../../platform/event-store/event-codec.js';
import type { Position } from '../../platform/event-store/event-store.port.js';
import type { FeedPage, FeedReader } from '../../platform/feed/feed-reader.js';
import { isHeld } from '../../platform/leases/leases.port.js';
import type { Lease } from '../../platform/leases/leases.port.js';
import { OutageReasons } from '../../platform/observability/outage-reasons.js';
import { isHopeless, retryDelay } from '../domain/retry-policy.js';
import type { SuspensionProposal } from '../domain/webhook-subscription.decisions.js';
import { secretsAt } from '../domain/webhook-subscription.decisions.js';
import type { SigningKey } from '../gateways/signing-key.js';
import type { WebhookAnswer, WebhookSender } from '../gateways/webhook-sender.port.js';
import type { SubscriptionDocument } from '../projections/webhook-subscriptions.projection.js';
import type { SubscriptionsMetrics } from '../subscriptions-metrics.js';
import type { DeliveryError, DeliveryProgress, ProgressAtStart } from './delivery-progress.js';
import { DeliveryWindow } from './delivery-window.js';
import type { Lane, OutgoingEvent } from './delivery-window.js';
import { ProgressWriter } from './progress-writer.js';
import { selectionOf } from '../domain/selection.js';

/** Events read at a time. */
const PAGE = 64;

/** Waits after the events could not be read, or nothing could be signed. */
const TROUBLE_RETRY_MS = 5_000;

/** Read again so soon when an event that is known to be there was not read yet. */
const NOT_SEEN_RETRY_MS = 50;

/** Longest time without a look at what is due, should the clock jump. */
const LONGEST_SLEEP_MS = 30_000;

/** What deliveries work with. */
export interface DeliveryContext {
  readonly reader: FeedReader;
  readonly sender: WebhookSender;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SubscriptionsMetrics;
  /** Without any success for so long: suspended, ms. */
  readonly patienceMs: number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** What one delivery needs of the session that it belongs to. */
export interface DeliverySession {
  readonly lease: Lease;
  readonly history: string;
  readonly store: (progress: DeliveryProgress) => Promise<void>;
  readonly suspend: (subscriptionId: string, proposal: SuspensionProposal) => Promise<void>;
  /** Something after which the session cannot go on. */
  readonly fail: (error: unknown) => void;
}

/** Why nothing can be sent at all, although the receiver may be well. */
interface Trouble {
  readonly error: DeliveryError;
  readonly since: number;
  readonly retryAt: number;
}

/**
 * Delivers the events of one subscription: reads ahead while its window has room, sends what the window says is due, and
 * keeps how far it is. It sleeps until an event comes, an answer comes, or a retry is due.
 */
export class SubscriptionDelivery {
  private readonly window: DeliveryWindow;
  private readonly writer: ProgressWriter;
  private readonly cut = new AbortController();
  private readonly inFlight = new Set<Promise<void>>();
  private readonly outage = new OutageReasons();
  private told: Pick<DeliveryProgress, 'delivered' | 'last_delivery_at' | 'last_error'>;
  private reading: Promise<void> | undefined;
  /** Everything up to here is known to be there; read until it was read. */
  private wanted: Position = -1;
  private caughtUp = false;
  private readAgainAt = 0;
  private trouble: Trouble | undefined;
  private held = false;
  private suspending = false;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly context: DeliveryContext,
    private readonly session: DeliverySession,
    private subscription: SubscriptionDocument,
    start: ProgressAtStart,
  ) {
    this.window = new DeliveryWindow(start);
    const { delivered, last_delivery_at, last_error } = start;
    this.told = { delivered, last_delivery_at, last_error };
    this.writer = new ProgressWriter(() => session.store(this.progress()), context.log, session.fail);
  }

  get id(): string {
    return this.subscription.subscription_id;
  }

  get isFailing(): boolean {
    return this.failingSince !== null;
  }

  /** When the oldest event was decided that was read and not accepted, epoch ms. */
  get oldestTime(): number | undefined {
    return this.window.oldestTime;
  }

  /** Whether it can go on with what has become of the subscription; else another one must begin. */
  fits({ redeliveries, resumptions }: SubscriptionDocument): boolean {
    return redeliveries === this.subscription.redeliveries && resumptions === this.subscription.resumptions;
  }

  /** Looks at what is to be done now. Whatever changes calls it; a test does when it has moved the clock. */
  wake(): void {
    clearTimeout(this.timer);
    if (this.stopped || this.held || this.suspending) return;
    if (!isHeld(this.session.lease)) return;
    const now = this.context.clock.now();
    try {
      this.readOn(now);
      this.sendDue(now);
      this.sleep(now);
    } catch (error) {
      this.session.fail(error);
    }
  }

  /** Sends nothing more until {@link release}: something has happened to the subscription that is not known yet. */
  hold(): void {
    this.held = true;
  }

  /** What has happened does not stand in the way. */
  release(subscription: SubscriptionDocument): void {
    this.subscription = subscription;
    this.held = false;
    // What it could not sign with the secret before it can with this one.
    this.trouble = undefined;
    this.readAgainAt = 0;
    this.wake();
  }

  /** One of its events is in the store. */
  eventAt(position: Position): void {
    this.wanted = Math.max(this.wanted, position);
    this.caughtUp = false;
    this.wake();
  }

  /** From `from` to `to` the store has nothing for it. */
  nothingBetween(from: Position | null, to: Position): void {
    const position = this.window.position ?? -1;
    if (!this.caughtUp || this.reading || position < (from ?? -1) || position >= to) return;
    this.window.add([], to);
    this.writer.changed('later');
  }

  /**
   * Ends it: nothing more is sent, what is being sent is waited for, what came of it is stored.
   * @param within milliseconds that the receivers have to answer; then they are cut off. Absent: the time limit of requests
   */
  async stop(within?: number): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const cut = within === undefined ? undefined : setTimeout(() => this.cut.abort(new DeliveryCut()), within);
    await Promise.all(this.inFlight);
    clearTimeout(cut);
    await this.writer.end();
  }

  /** What is kept of it. */
  private progress(): DeliveryProgress {
    const { subscription_id, redeliveries, resumptions } = this.subscription;
    const state = this.window.state();
    const due = state.failing.map(({ next_attempt_at }) => next_attempt_at);
    if (this.trouble) due.push(this.trouble.retryAt);
    return {
      subscription_id,
      history: this.session.history,
      redeliveries,
      resumptions,
      ...state,
      failing_since: this.failingSince,
      next_attempt_at: due.length === 0 ? null : Math.min(...due),
      ...this.told,
    };
  }

  private get failingSince(): number | null {
    const since = [this.window.failingSince, this.trouble?.since].filter((at) => at !== undefined && at !== null);
    return since.length === 0 ? null : Math.min(...since);
  }

  private sleep(now: number): void {
    const due = [this.window.nextDueAt(), this.trouble?.retryAt, this.caughtUp ? undefined : this.readAgainAt];
    const wakeAt = Math.min(...due.filter((at): at is number => at !== undefined && at > now));
    const milliseconds = Math.min(wakeAt - now, LONGEST_SLEEP_MS);
    this.timer = setTimeout(() => this.wake(), milliseconds).unref();
  }

  private readOn(now: number): void {
    if (this.reading || this.caughtUp || now < this.readAgainAt || this.window.room === 0) return;
    this.reading = this.read().finally(() => {
      this.reading = undefined;
      this.wake();
    });
  }

  private async read(): Promise<void> {
    const { reader, clock } = this.context;
    const { wanted } = this;
    try {
      const limit = Math.min(PAGE, this.window.room);
      const page = await reader.read({ after: this.window.position, selection: selectionOf(this.subscription), limit });
      this.window.add(page.events.map(outgoing), page.position);
      this.settleReading(page, wanted);
    } catch (error) {
      this.readAgainAt = clock.now() + TROUBLE_RETRY_MS;
      // A store that is away is everybody's trouble, and told as such; what else it may be is this subscription's.
      if (error instanceof DormouseError && error.status === 503) {
        this.context.log.debug({ subscription_id: this.id, error: messageOf(error) }, 'push.waiting');
      } else {
        this.blockedBy(error);
      }
    }
  }

  private settleReading({ live, position, blockedBy }: FeedPage, wanted: Position): void {
    if (blockedBy) return this.blockedBy(blockedBy);
    if (this.trouble && !isAboutSigning(this.trouble)) this.trouble = undefined;
    const isSeen = wanted === this.wanted && (position ?? -1) >= wanted;
    this.caughtUp = live && isSeen;
    if (live && !isSeen) this.readAgainAt = this.context.clock.now() + NOT_SEEN_RETRY_MS;
    this.writer.changed('later');
  }

  /** It cannot go on by itself: nothing is passed over, and everybody can see why. */
  private blockedBy(error: unknown): void {
    const now = this.context.clock.now();
    const code = error instanceof DormouseError ? error.code : 'internal_error';
    const told = { message: messageOf(error), code, status: null, event_id: null, at: now };
    if (!(error instanceof DormouseError))
      this.context.log.error({ err: error, subscription_id: this.id }, 'push.defect');
    this.trouble = { error: told, since: this.trouble?.since ?? now, retryAt: now + TROUBLE_RETRY_MS };
    if (error instanceof EventNotReadable) this.readAgainAt = this.trouble.retryAt;
    this.tellFailure(told);
  }

  private sendDue(now: number): void {
    const secrets = this.secrets(now);
    if (!secrets) return;
    for (let lane = this.window.take(now); lane; lane = this.window.take(now)) {
      const sending = this.send(lane, secrets).catch(this.session.fail);
      this.inFlight.add(sending);
      void sending.finally(() => {
        this.inFlight.delete(sending);
        this.wake();
      });
    }
  }

  /** What to sign with; undefined: nothing is to be sent, or it cannot be signed. */
  private secrets(now: number): readonly string[] | undefined {
    const { trouble } = this;
    if (trouble && isAboutSigning(trouble) && now < trouble.retryAt) return undefined;
    if (this.window.isEmpty) return undefined;
    try {
      const versions = secretsAt(this.subscription, now);
      const known = versions.filter(({ key_id }, index) => index === 0 || key_id === versions[0]?.key_id);
      const secrets = known.map((version) => this.context.signingKey.secretOf(this.id, version));
      if (trouble && isAboutSigning(trouble)) this.trouble = undefined;
      return secrets;
    } catch (error) {
      this.blockedBy(error);
      return undefined;
    }
  }

  private async send(lane: Lane, secrets: readonly string[]): Promise<void> {
    const { sender, metrics } = this.context;
    const { id, body } = lane.event;
    let answer: WebhookAnswer;
    try {
      answer = await sender.send({ url: this.subscription.url, id, body, secrets }, this.cut.signal);
    } catch (error) {
      this.window.returned(lane);
      if (error instanceof DeliveryCut) return;
      throw error;
    }
    metrics.deliveries.inc({ outcome: answer.outcome });
    if (answer.outcome === 'delivered') this.accepted(lane);
    else await this.refused(lane, answer);
  }

  private accepted(lane: Lane): void {
    const { clock, log } = this.context;
    this.window.accepted(lane);
    this.told = { ...this.told, delivered: this.told.delivered + 1, last_delivery_at: clock.now() };
    log.debug({ subscription_id: this.id, event_id: lane.event.id, attempts: lane.attempts + 1 }, 'push.delivered');
    if (this.failingSince === null && this.outage.over()) log.info({ subscription_id: this.id }, 'push.recovered');
    this.writer.changed('soon');
  }

  private async refused(lane: Lane, { outcome, status, message, retryAfterMs }: WebhookAnswer): Promise<void> {
    const { clock, random } = this.context;
    const at = clock.now();
    this.window.failed(lane, { at, retryAt: at + retryDelay(lane.attempts + 1, random(), retryAfterMs) });
    this.tellFailure({ message, code: outcome, status, event_id: lane.event.id, at });
    const failingSince = this.window.failingSince ?? at;
    const hopeless = isHopeless(
      { failingSince, lastAcceptedAt: this.told.last_delivery_at },
      this.context.patienceMs,
      at,
    );
    if (outcome === 'gone' || hopeless)
      await this.suspend(outcome === 'gone' ? 'gone' : 'failing', failingSince, message);
  }

  /** What has become of the subscription meanwhile decides; the session tells then how it goes on. */
  private async suspend(reason: SuspensionProposal['reason'], failingSince: number, lastError: string): Promise<void> {
    if (this.suspending || this.stopped) return;
    const { redeliveries, resumptions } = this.subscription;
    this.suspending = true;
    try {
      const at = this.context.clock.now();
      await this.session.suspend(this.id, { reason, failingSince, lastError, redeliveries, resumptions, at });
    } catch (error) {
      // The event store is away: the next attempt that fails tries it again.
      this.context.log.debug({ subscription_id: this.id, error: messageOf(error) }, 'push.not_suspended');
      this.suspending = false;
    }
  }

  private tellFailure(error: DeliveryError): void {
    this.told = { ...this.told, last_error: error };
    this.writer.changed('soon');
    const line = {
      subscription_id: this.id,
      // Not the whole URL: some carry a token.
      target: new URL(this.subscription.url).host,
      event_id: error.event_id,
      error: error.message,
    };
    this.context.log[this.outage.isNews(error.message) ? 'warn' : 'debug'](line, 'push.failed');
  }
}

/** The request was cut off because the service stops, or is not the one any more that delivers. */
class DeliveryCut extends Error {
  constructor() {
    super('The service does not deliver any more.');
    this.name = new.target.name;
  }
}

function isAboutSigning({ error }: Trouble): boolean {
  return error.code.startsWith('signing_key');
}

function outgoing({ position, event }: FeedPage['events'][number]): OutgoingEvent {
  const { id, subject, time } = event;
  return { id, position, aggregate: subject, time: Date.parse(time), body: JSON.stringify(event) };
}
