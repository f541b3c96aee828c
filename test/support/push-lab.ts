import { randomUUID } from 'node:crypto';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { PositionTokens } from '../../src/platform/event-store/position-tokens.js';
import { BackgroundWork } from '../../src/platform/operations/background-work.js';
import { PushDispatcher } from '../../src/subscriptions/delivery/push-dispatcher.js';
import { Person } from './coaching-lab.js';
import { eventually } from './eventually.js';
import { ServiceHarness } from './service-harness.js';
import type { Answer, RequestOptions } from './service-harness.js';
import { WebhookReceiver } from './webhook-receiver.js';

/** A subscription, by its routes. */
export class SubscriptionHandle {
  readonly path: string;

  constructor(
    private readonly lab: PushLab,
    readonly id: string,
    readonly secret: string,
  ) {
    this.path = `/subscriptions/${id}`;
  }

  /** @param what pause, resume, redeliver or rotate-secret */
  post(what: string, options: RequestOptions = {}): Promise<Answer> {
    return this.lab.service.request('POST', `${this.path}/${what}`, options);
  }

  delete(options: RequestOptions = {}): Promise<Answer> {
    return this.lab.service.request('DELETE', this.path, options);
  }

  /** A query that sees everything written so far. */
  async get(): Promise<Answer['body']> {
    const token = await this.lab.service.tokenOfAll();
    const { status, body } = await this.lab.service.request('GET', this.path, { token });
    if (status !== 200) throw new Error(`GET ${this.path} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** Waits until the answer has these fields. */
  async until(what: string, condition: (subscription: Answer['body']) => boolean): Promise<Answer['body']> {
    let found: Answer['body'] = {};
    await eventually(
      () => `${what}; it is ${JSON.stringify(found)}`,
      async () => condition((found = await this.get())),
    );
    return found;
  }
}

/**
 * The whole service with its push deliveries running, receivers on 127.0.0.1, and people whose coaching sessions make
 * published events. The clock stands still unless the test moves it.
 */
export class PushLab {
  private readonly receivers: WebhookReceiver[] = [];

  private constructor(
    readonly service: ServiceHarness,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  /** @param environment settings beside those that a receiver on 127.0.0.1 needs */
  static async open(environment: NodeJS.ProcessEnv = {}): Promise<PushLab> {
    const settings = { WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true', WEBHOOK_TIMEOUT_MS: '300', ...environment };
    const lab = new PushLab(await ServiceHarness.open(settings), settings);
    // Those who verify signatures go by the machine's clock.
    lab.service.clock.set(Date.now());
    lab.startDelivering();
    return lab;
  }

  private get app() {
    return this.service.service.app;
  }

  get dispatcher(): PushDispatcher {
    return this.app.get(PushDispatcher);
  }

  startDelivering(): void {
    this.app.get(BackgroundWork).start();
  }

  /** As after a crash or an update. @param environment settings that are different from now on */
  async restart(environment: NodeJS.ProcessEnv = {}): Promise<void> {
    await this.service.restartService({ ...this.environment, ...environment });
    this.startDelivering();
  }

  async receiver(port = 0): Promise<WebhookReceiver> {
    const receiver = await WebhookReceiver.start(port);
    this.receivers.push(receiver);
    return receiver;
  }

  create(body: object, options: RequestOptions = {}): Promise<Answer> {
    return this.service.request('POST', '/subscriptions', { body, ...options });
  }

  /** @throws when the service refuses */
  async subscribe(receiver: Pick<WebhookReceiver, 'url'>, body: object = {}): Promise<SubscriptionHandle> {
    const answer = await this.create({ url: receiver.url, ...body });
    if (answer.status !== 201) throw new Error(`Answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return new SubscriptionHandle(this, String(answer.body['subscription_id']), String(answer.body['secret']));
  }

  /** Somebody whose session makes events: a request each. */
  person(userId: string, tenantId = `of-${userId}`): Person {
    return new Person({ service: this.service }, userId, tenantId);
  }

  /** A session with so many further events. @returns its id */
  async session(userId: string, further = 0): Promise<string> {
    const person = this.person(userId);
    const id = await person.begin();
    for (let n = 0; n < further; n++) await person.say(id);
    return id;
  }

  /** An event of a coaching session, written by a newer program. @returns its position in the feed */
  async appendUnreadable(): Promise<string> {
    const [id, stream] = [randomUUID(), `coachingSession-sess_${randomUUID()}`];
    const metadata = {
      $correlationId: id,
      $causationId: id,
      schema_version: 99,
      time: new Date(this.service.clock.now()).toISOString(),
      actor: 'ada',
      command_id: id,
    };
    const event = { id, type: 'SessionPaused', data: {}, metadata };
    const { position } = await this.app.get(EventStore).append(stream, [event], 'no_stream');
    return await this.app.get(PositionTokens).encode(position);
  }

  /** Moves the clock on, and lets the deliveries look at it. */
  pass(milliseconds: number): void {
    this.service.clock.advance(milliseconds);
    this.dispatcher.wake();
  }

  async close(): Promise<void> {
    await this.service.close();
    await Promise.all(this.receivers.map((receiver) => receiver.close()));
  }
}
