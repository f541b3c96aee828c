import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { EventStore } from '../../src/platform/event-store/event-store.port.js';
import { collect } from './collect.js';
import { ServiceHarness } from './service-harness.js';
import type { Answer, RequestOptions } from './service-harness.js';

/** One person of a tenant, as the coaching routes see them: with the headers that say who calls. */
export class Person {
  constructor(
    private readonly lab: Pick<CoachingLab, 'service'>,
    readonly userId: string,
    readonly tenantId = 'acme',
  ) {}

  /** A route below `/coaching`. */
  request(method: 'GET' | 'POST', path: string, options: RequestOptions = {}): Promise<Answer> {
    const headers = { 'x-tenant-id': this.tenantId, 'x-user-id': this.userId, ...options.headers };
    return this.lab.service.request(method, `/coaching/${path}`, { ...options, headers });
  }

  start(topicId = 'core_values', options: RequestOptions = {}): Promise<Answer> {
    return this.request('POST', 'sessions', { ...options, body: { topic_id: topicId } });
  }

  /** A new session. @returns its id @throws when the start is refused */
  async begin(topicId = 'core_values'): Promise<string> {
    const { status, body } = await this.start(topicId);
    if (status !== 201) throw new Error(`The start answered ${status}: ${JSON.stringify(body)}`);
    return String(body['session_id']);
  }

  /** @param what pause, resume, complete, cancel or abandon */
  post(sessionId: string, what: string, options: RequestOptions = {}): Promise<Answer> {
    return this.request('POST', `sessions/${sessionId}/${what}`, options);
  }

  say(sessionId: string, content = 'Hello.', role = 'user', options: RequestOptions = {}): Promise<Answer> {
    return this.post(sessionId, 'messages', { ...options, body: { role, content } });
  }

  /** A query that sees everything written so far. */
  async get(path: string): Promise<Answer> {
    return this.request('GET', path, { token: await this.lab.service.tokenOfAll() });
  }

  async session(sessionId: string): Promise<Answer['body']> {
    return (await this.get(`sessions/${sessionId}`)).body;
  }

  async check(topicId = 'core_values'): Promise<Answer['body']> {
    return (await this.get(`sessions/check?topic_id=${topicId}`)).body;
  }
}

/** The whole service with people who use its coaching sessions, on a clock that only the test moves. */
export class CoachingLab {
  private tenants = 0;

  private constructor(readonly service: ServiceHarness) {}

  static async open(environment: NodeJS.ProcessEnv = {}): Promise<CoachingLab> {
    return new CoachingLab(await ServiceHarness.open(environment));
  }

  get app(): NestFastifyApplication {
    return this.service.service.app;
  }

  person(userId: string, tenantId?: string): Person {
    return new Person(this, userId, tenantId);
  }

  /** A tenant that nobody else uses: tests that share a service do not meet. */
  newTenant(): string {
    return `tenant-${++this.tenants}`;
  }

  /** Runs the sweep, as its POST route does. @returns the record */
  async sweep(job = 'session-auto-pause'): Promise<Answer['body']> {
    return (await this.service.request('POST', `/jobs/${job}/run`)).body;
  }

  /** Types of a session's events, oldest first. */
  async eventTypes(sessionId: string): Promise<string[]> {
    return (await collect(this.app.get(EventStore).readStream(`coachingSession-${sessionId}`))).map(({ type }) => type);
  }

  async dataOf(sessionId: string, type: string): Promise<object[]> {
    const events = await collect(this.app.get(EventStore).readStream(`coachingSession-${sessionId}`));
    return events.filter((event) => event.type === type).map(({ data }) => data);
  }

  /** @param minutes the clock moves on */
  pass(minutes: number): void {
    this.service.clock.advance(minutes * 60_000);
  }

  close(): Promise<void> {
    return this.service.close();
  }
}
