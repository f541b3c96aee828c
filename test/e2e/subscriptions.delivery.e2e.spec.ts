import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { eventually } from '../support/eventually.js';
import { PushLab } from '../support/push-lab.js';
import type { SubscriptionHandle } from '../support/push-lab.js';
import type { Behaviour, WebhookReceiver } from '../support/webhook-receiver.js';
import { accept, answer, endlessBody, hangUp, lyingLength, neverAnswer } from '../support/webhook-receiver.js';

/** Answers in another language. */
const notHttp: Behaviour = (response) => void response.socket?.end('hello\r\n\r\n');

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let lab: PushLab;
let receiver: WebhookReceiver;

beforeEach(async () => {
  lab = await PushLab.open();
  receiver = await lab.receiver();
});
afterEach(() => lab.close());

const arrived = (count: number) =>
  eventually(
    () => `${count} have arrived; there are ${receiver.received.length}`,
    () => receiver.received.length >= count,
  );

const health = async () => (await lab.service.request('GET', '/health/ready')).body['warnings'] as string[];

/** Moves the clock on over each wait that failures make, until something holds. */
async function passUntil(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, async () => {
    if (await condition()) return true;
    lab.pass(1_000);
    return false;
  });
}

async function metric(name: string): Promise<number> {
  const response = await lab.service.service.app.inject({ method: 'GET', url: '/metrics' });
  const line = response.body.split('\n').find((text) => text.startsWith(name) && !text.startsWith('#'));
  return Number(line?.split(' ').at(-1) ?? NaN);
}

describe('A subscription', () => {
  it('has what happens from now on pushed to its receiver, as signed CloudEvents', async () => {
    await lab.session('earlier');
    const { secret } = await lab.subscribe(receiver);
    const session = await lab.session('ada', 1);
    await arrived(2);
    expect(receiver.types).toEqual(['coaching_session.started', 'coaching_session.message_recorded']);
    for (const { headers, body, event } of receiver.received) {
      expect(headers).toMatchObject({
        'content-type': 'application/cloudevents+json; charset=utf-8',
        'webhook-id': event.id,
        'user-agent': expect.stringMatching(/^Dormouse/),
      });
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(event);
      expect(event).toMatchObject({ specversion: '1.0', subject: `coaching_session/${session}` });
    }
  });

  it('tells how far it is: position, deliveries, nothing behind', async () => {
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada', 2);
    const body = await subscription.until('three are delivered', ({ delivered }) => delivered === 3);
    expect(body).toMatchObject({
      state: 'active',
      position: receiver.received.at(-1)?.event.position,
      lag_events: 0,
      lag_seconds: 0,
      last_delivery_at: new Date(lab.service.clock.now()).toISOString(),
      last_error: null,
      failing_since: null,
      next_attempt_at: null,
    });
    expect(await metric('dormouse_push_deliveries_total{outcome="delivered"}')).toBe(3);
    expect(await metric('dormouse_push_active_subscriptions')).toBe(1);
  });

  it('gets the selected types and aggregates only', async () => {
    const session = await lab.session('ada');
    const types = ['dormouse.coaching_session.paused.v1', 'dormouse.coaching_session.resumed.v1'];
    const others = await lab.receiver();
    await lab.subscribe(receiver, { types });
    await lab.subscribe(others, { aggregate_kind: 'coaching_session', aggregate_id: session });
    const ada = lab.person('ada');
    await ada.say(session);
    await ada.post(session, 'pause');
    await ada.post(session, 'resume');
    await lab.session('bob');
    await ada.say(session);
    await eventually('the other one has all of the session', () => others.received.length === 4);
    await arrived(2);
    expect(receiver.types).toEqual(['coaching_session.paused', 'coaching_session.resumed']);
    expect(new Set(others.received.map(({ event }) => event.subject))).toEqual(
      new Set([`coaching_session/${session}`]),
    );
  });

  it('begins where it is told to: at the beginning, or after a position of the feed', async () => {
    await lab.session('ada', 3);
    await lab.subscribe(receiver, { after: 'beginning' });
    await arrived(4);
    const second = await lab.receiver();
    await lab.subscribe(second, { after: receiver.received[1]?.event.position });
    await eventually('the rest has arrived', () => second.received.length === 2);
    expect(second.firstIds).toEqual(receiver.firstIds.slice(2));
  });

  it('keeps the order of each aggregate and has up to eight of them on the way at once', async () => {
    receiver.behaviour = (response) => void setTimeout(() => response.writeHead(200).end('thanks'), 20);
    const sessions = [];
    for (let n = 0; n < 12; n++) sessions.push(await lab.session(`user-${n}`, 3));
    await lab.subscribe(receiver, { after: 'beginning' });
    await arrived(48);
    expect(receiver.mostOpen).toBe(8);
    for (const session of sessions) {
      const own = receiver.received.filter(({ event }) => event.subject.endsWith(session));
      expect(own.map(({ event }) => event.streamrevision)).toEqual([0, 1, 2, 3]);
    }
  });

  it('that is paused costs nothing, and goes on where it was', async () => {
    const subscription = await lab.subscribe(receiver);
    const session = await lab.session('ada');
    await arrived(1);
    expect(await subscription.post('pause')).toMatchObject({ status: 200, body: { state: 'paused' } });
    await lab.person('ada').say(session);
    await eventually('nothing is delivered', async () => (await metric('dormouse_push_active_subscriptions')) === 0);
    expect(await subscription.get()).toMatchObject({ state: 'paused', lag_events: 1, delivered: 1 });
    expect(receiver.received).toHaveLength(1);
    await subscription.post('resume');
    await arrived(2);
    expect(receiver.types).toEqual(['coaching_session.started', 'coaching_session.message_recorded']);
  });

  it('that is deleted while a request is on its way gets at most that request', async () => {
    let respond: () => void = () => undefined;
    receiver.behaviour = (response) => void (respond = () => response.writeHead(200).end());
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada', 2);
    await arrived(1);
    expect((await subscription.delete()).status).toBe(204);
    respond();
    await eventually('nothing is delivered', async () => (await metric('dormouse_push_active_subscriptions')) === 0);
    expect(receiver.received).toHaveLength(1);
    expect((await lab.service.request('GET', subscription.path)).status).toBe(404);
  });

  it('delivers again from a position', async () => {
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada', 3);
    await arrived(4);
    const [first] = receiver.received;
    await subscription.until('it is stored', ({ delivered }) => delivered === 4);
    await subscription.post('redeliver', { body: { after: first?.event.position } });
    await arrived(7);
    expect(receiver.received.slice(4).map(({ event }) => event.id)).toEqual(receiver.firstIds.slice(1));
    await subscription.post('redeliver', { body: { after: 'beginning' } });
    await arrived(11);
    expect(await subscription.until('all is stored', ({ delivered }) => delivered === 11)).toMatchObject({
      lag_events: 0,
    });
  });

  it('goes on after a restart without losing or repeating what was acknowledged', async () => {
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada', 2);
    await arrived(3);
    await lab.restart();
    await lab.session('bob');
    await arrived(4);
    expect(receiver.firstIds).toHaveLength(4);
    expect(receiver.received).toHaveLength(4);
    await subscription.until('the count goes on', ({ delivered }) => delivered === 4);
  });

  it('gets what was on its way during a stop again, and nothing twice beside it', async () => {
    receiver.behaviour = (response, webhook) =>
      (webhook.event.streamrevision === 2 ? neverAnswer : accept)(response, webhook);
    await lab.subscribe(receiver);
    await lab.session('ada', 3);
    await arrived(3);
    await lab.service.stopService();
    receiver.behaviour = accept;
    await lab.restart();
    await passUntil('the rest has arrived', () => receiver.received.length === 5);
    expect(receiver.received.map(({ event }) => event.streamrevision)).toEqual([0, 1, 2, 2, 3]);
  });
});

describe('A receiver that fails', () => {
  it.each([
    ['answers 500', answer(500, 'out of\u0007 order'), 'refused', 500, /HTTP 500: out of order$/],
    ['never answers', neverAnswer, 'timeout', null, /did not answer in full within 300 ms/],
    ['hangs up', hangUp, 'unreachable', null, /No answer from the receiver/],
    ['redirects', answer(302, '', { location: 'http://127.0.0.1:1/' }), 'redirected', 302, /redirect, .*not followed/],
    ['answers 500 without end', endlessBody(500), 'refused', 500, /HTTP 500: x{188,200}$/],
    ['promises more than it sends', lyingLength(500, 1_000, 'short'), 'refused', 500, /HTTP 500: short/],
    ['answers what is not HTTP', notHttp, 'unreachable', null, /./],
  ] as const)('because it %s is told as that, and tried again', async (_, behaviour, code, status, message) => {
    receiver.behaviour = behaviour;
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada', 1);
    const failing = await subscription.until('it fails', ({ last_error }) => last_error !== null);
    const now = new Date(lab.service.clock.now()).toISOString();
    expect(failing).toMatchObject({
      state: 'active',
      lag_events: 2,
      delivered: 0,
      failing_since: now,
      last_error: { code, status, message: expect.stringMatching(message), at: now, event_id: expect.any(String) },
    });
    const wait = Date.parse(String(failing['next_attempt_at'])) - Date.parse(now);
    expect(wait).toBeGreaterThanOrEqual(500);
    expect(wait).toBeLessThanOrEqual(1_000);
    receiver.behaviour = accept;
    lab.pass(1_000);
    const well = await subscription.until('both are accepted', ({ delivered }) => delivered === 2);
    expect(well).toMatchObject({ failing_since: null, next_attempt_at: null, lag_events: 0 });
    expect(receiver.types).toEqual([
      'coaching_session.started',
      'coaching_session.started',
      'coaching_session.message_recorded',
    ]);
  });

  it.each([
    ['an endless answer', endlessBody(200)],
    ['an answer with a wrong length', lyingLength(200, 3, 'too long')],
    ['an answer that breaks off', lyingLength(200, 100, 'short')],
  ])('to end its 200 has accepted the event all the same: %s', async (_, behaviour) => {
    receiver.behaviour = behaviour;
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada', 1);
    await subscription.until('both are accepted', ({ delivered }) => delivered === 2);
    expect(receiver.received).toHaveLength(2);
  });

  it('is sent nothing between attempts, whose distance doubles up to ten minutes', async () => {
    receiver.behaviour = answer(503);
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada');
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 12; attempt++) {
      await arrived(attempt);
      const { next_attempt_at } = await subscription.until(
        'the attempt is stored',
        (body) => Date.parse(String(body['next_attempt_at'])) > lab.service.clock.now(),
      );
      const wait = Date.parse(String(next_attempt_at)) - lab.service.clock.now();
      waits.push(wait);
      lab.pass(wait - 1);
      expect(receiver.received).toHaveLength(attempt);
      lab.pass(1);
    }
    waits.forEach((wait, n) => {
      const full = Math.min(1_000 * 2 ** n, 10 * MINUTE);
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    });
  });

  it('may ask for patience with Retry-After', async () => {
    receiver.behaviour = answer(429, '', { 'retry-after': '120' });
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada');
    const { next_attempt_at } = await subscription.until('it is told', (body) => body['next_attempt_at'] !== null);
    expect(Date.parse(String(next_attempt_at)) - lab.service.clock.now()).toBe(120_000);
  });

  it('for one aggregate is not in the way of the others', async () => {
    const poisoned = await lab.session('poisoned', 2);
    receiver.behaviour = (response, webhook) =>
      webhook.event.subject.endsWith(poisoned) ? answer(500)(response, webhook) : accept(response, webhook);
    await lab.subscribe(receiver, { after: 'beginning' });
    const session = await lab.session('ada', 4);
    await arrived(6);
    const own = (id: string) => receiver.received.filter(({ event }) => event.subject.endsWith(id));
    await eventually('the other one is complete', () => own(session).length === 5);
    expect(own(poisoned).map(({ event }) => event.streamrevision)).toEqual([0]);
  });

  it('for a day is given up: suspended, told by health and metrics, and resumed where it was', async () => {
    receiver.behaviour = answer(500);
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada');
    await arrived(1);
    expect(await health()).toEqual([]);
    await subscription.until('it fails', ({ failing_since }) => failing_since !== null);
    lab.service.clock.advance(16 * MINUTE);
    expect(await health()).toEqual([
      expect.stringMatching(
        `^Push subscription ${subscription.id} \\(127.0.0.1:\\d+\\) has failed since .*: .*HTTP 500`,
      ),
    ]);
    expect(await metric('dormouse_push_failing_subscriptions')).toBe(1);
    const begun = lab.service.clock.now() - 16 * MINUTE;
    lab.pass(24 * HOUR - 17 * MINUTE);
    await arrived(2);
    expect(await subscription.get()).toMatchObject({ state: 'active' });
    lab.pass(11 * MINUTE);
    const suspended = await subscription.until('it is suspended', ({ state }) => state === 'suspended');
    expect(suspended).toMatchObject({
      suspension: {
        reason: 'failing',
        failing_since: new Date(begun).toISOString(),
        last_error: expect.stringMatching(/HTTP 500/),
      },
      lag_events: 1,
      next_attempt_at: null,
    });
    expect(await health()).toEqual([expect.stringMatching(/is suspended, because it failed since .*resume/)]);
    const before = receiver.received.length;
    lab.pass(HOUR);
    receiver.behaviour = accept;
    await subscription.post('resume');
    await arrived(before + 1);
    await subscription.until('it goes on', ({ state, lag_events }) => state === 'active' && lag_events === 0);
    expect(receiver.firstIds).toHaveLength(1);
    expect(await health()).toEqual([]);
  });

  it('that says 410 is given up at once; a pause takes it out of health', async () => {
    receiver.behaviour = answer(410, 'no longer here');
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada');
    expect(await subscription.until('it is suspended', ({ state }) => state === 'suspended')).toMatchObject({
      suspension: { reason: 'gone', last_error: expect.stringMatching(/HTTP 410: no longer here/) },
    });
    expect(await health()).toEqual([expect.stringMatching(/because its receiver is gone/)]);
    await subscription.post('pause');
    await subscription.until('it is paused', ({ state }) => state === 'paused');
    expect(await health()).toEqual([]);
  });

  it('fails on after a restart: attempts and since when are kept', async () => {
    receiver.behaviour = answer(500);
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada');
    const since = new Date(lab.service.clock.now()).toISOString();
    for (let attempt = 1; attempt <= 3; attempt++) {
      await arrived(attempt);
      await subscription.until('it is stored', ({ next_attempt_at }) => next_attempt_at !== null);
      await passUntil('the next attempt', () => receiver.received.length > attempt);
    }
    const due = (body: Record<string, unknown>) => Date.parse(String(body['next_attempt_at']));
    await subscription.until('the fourth is stored', (body) => due(body) - lab.service.clock.now() >= 4_000);
    await lab.restart();
    const body = await subscription.get();
    expect(body).toMatchObject({ failing_since: since, state: 'active' });
    const before = receiver.received.length;
    lab.pass(due(body) - lab.service.clock.now());
    await arrived(before + 1);
    const after = await subscription.until('the fifth is stored', (found) => due(found) > lab.service.clock.now());
    expect(due(after) - lab.service.clock.now()).toBeGreaterThanOrEqual(8_000);
    expect(after['failing_since']).toBe(since);
  });
});

describe('An event that this program cannot read', () => {
  it('is never passed over: what is before it is delivered, and everybody can see what stands in the way', async () => {
    const subscription = await lab.subscribe(receiver);
    await lab.session('ada');
    await lab.appendUnreadable();
    await lab.session('bob');
    const body = await subscription.until('it is told', ({ failing_since }) => failing_since !== null);
    expect(body).toMatchObject({
      state: 'active',
      last_error: { code: 'event_not_readable', message: expect.stringMatching(/schema version 99/) },
    });
    expect(receiver.types).toEqual(['coaching_session.started']);
    lab.pass(25 * HOUR);
    expect(await health()).toContainEqual(expect.stringMatching(/^Push .*has failed since .*schema version 99/));
    expect(await subscription.get()).toMatchObject({ state: 'active' });
  });

  it('can be left out by beginning again after it', async () => {
    const subscription = await lab.subscribe(receiver);
    const after = await lab.appendUnreadable();
    const session = await lab.session('bob');
    await subscription.until('it is told', ({ failing_since }) => failing_since !== null);
    await subscription.post('redeliver', { body: { after } });
    await arrived(1);
    expect(receiver.received[0]?.event.subject).toContain(session);
    await subscription.until(
      'all is well',
      ({ failing_since, lag_events }) => failing_since === null && lag_events === 0,
    );
  });
});

describe('How far deliveries are', () => {
  it('may be lost without losing an event: they begin again where the subscription began', async () => {
    await lab.session('earlier');
    await lab.subscribe(receiver);
    await lab.session('ada', 1);
    await arrived(2);
    await lab.service.stopService();
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(join(lab.service.dataDirectory, `read-models.sqlite${suffix}`), { force: true });
    }
    await lab.restart();
    await arrived(4);
    expect(receiver.received.slice(2).map(({ event }) => event.id)).toEqual(receiver.firstIds);
    expect(receiver.firstIds).toHaveLength(2);
  });
});

describe('Secrets', () => {
  const signedBy = ({ secret }: { secret: string }, n: number): boolean => {
    const { headers, body } = receiver.received[n] ?? { headers: {}, body: '' };
    try {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  };
  const rotate = async (subscription: SubscriptionHandle) => {
    const { status, body } = await subscription.post('rotate-secret');
    expect(status).toBe(200);
    return { secret: String(body['secret']) };
  };

  it('are replaced without a gap: for a day messages are signed with both', async () => {
    const subscription = await lab.subscribe(receiver);
    const replaced = await rotate(subscription);
    expect(replaced.secret).not.toBe(subscription.secret);
    const session = await lab.session('ada');
    await arrived(1);
    expect([signedBy(subscription, 0), signedBy(replaced, 0)]).toEqual([true, true]);
    lab.service.clock.advance(24 * HOUR);
    await lab.person('ada').say(session);
    await arrived(2);
    const signatures = String(receiver.received[1]?.headers['webhook-signature']).split(' ');
    expect(signatures).toHaveLength(1);
  });

  it('follow from the key: after a restart they are the same, with another key nothing is sent before they are rotated', async () => {
    const subscription = await lab.subscribe(receiver);
    await lab.restart();
    await lab.session('ada');
    await arrived(1);
    expect(signedBy(subscription, 0)).toBe(true);
    await lab.restart({ WEBHOOK_SIGNING_KEY: 'another-key-that-is-as-long-as-is-needed' });
    await lab.session('bob');
    const { last_error } = await subscription.until('it says so', (body) => body['failing_since'] !== null);
    expect(last_error).toMatchObject({ code: 'signing_key_changed', message: expect.stringMatching(/rotate/) });
    expect(receiver.received).toHaveLength(1);
    const replaced = await rotate(subscription);
    await arrived(2);
    expect(signedBy(replaced, 1)).toBe(true);
  });

  it('need their key: a key file that is gone is told, not replaced', async () => {
    const file = join(lab.service.dataDirectory, 'webhook-signing.key');
    const subscription = await lab.subscribe(receiver);
    await lab.service.stopService();
    rmSync(file);
    await lab.restart();
    await lab.session('ada');
    const { last_error } = await subscription.until('it says so', (body) => body['failing_since'] !== null);
    expect(last_error).toMatchObject({ code: 'signing_key_missing' });
    writeFileSync(file, 'too short\n');
    expect(await lab.create({ url: receiver.url })).toMatchObject({
      status: 503,
      body: { code: 'signing_key_missing' },
    });
  });
});
