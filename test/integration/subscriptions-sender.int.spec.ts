import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { SystemClock } from '../../src/platform/clock.js';
import { selfSignedIdentity } from '../../src/simulated-lab/self-signed.js';
import { publicLookup } from '../../src/subscriptions/gateways/target-address.js';
import type { HttpWebhookSenderOptions } from '../../src/subscriptions/gateways/webhook-sender.http.js';
import { HttpWebhookSender } from '../../src/subscriptions/gateways/webhook-sender.http.js';
import type { WebhookAnswer, WebhookRequest } from '../../src/subscriptions/gateways/webhook-sender.port.js';
import { eventually } from '../support/eventually.js';
import { accept, answer, endlessBody, neverAnswer, WebhookReceiver } from '../support/webhook-receiver.js';

const SECRETS = [
  `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
  `whsec_${Buffer.alloc(32, 2).toString('base64')}`,
] as const;

let receiver: WebhookReceiver;
let sender: HttpWebhookSender;

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
  sender = senderWith();
});
afterEach(async () => {
  await sender.close();
  await receiver.close();
});

function senderWith(options: Partial<HttpWebhookSenderOptions> = {}): HttpWebhookSender {
  return new HttpWebhookSender({ timeoutMs: 500, allowPrivateTargets: true, ...options }, new SystemClock());
}

function send(request: Partial<WebhookRequest> = {}, signal = new AbortController().signal): Promise<WebhookAnswer> {
  const body = JSON.stringify({ id: 'e1', text: 'Grüße, \u2028 😀' });
  return sender.send({ url: receiver.url, id: 'e1', body, secrets: [...SECRETS], ...request }, signal);
}

describe('A webhook', () => {
  it('is signed with each secret, over the bytes that are sent', async () => {
    expect(await send()).toEqual({ outcome: 'delivered', status: 204, message: '' });
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
    for (const secret of SECRETS) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(body));
    }
  });

  it('goes to the path and query that the URL has', async () => {
    const { port } = receiver;
    expect((await send({ url: `http://127.0.0.1:${port}/a%20b/?token=x&y=%2F` })).outcome).toBe('delivered');
  });

  it('uses its connections again, also after an answer with a body', async () => {
    receiver.behaviour = answer(200, 'thank you');
    let connections = 0;
    receiver.onConnection(() => connections++);
    for (let n = 0; n < 10; n++) await send();
    expect(connections).toBeLessThanOrEqual(2);
  });

  it('over TLS needs a certificate that is trusted', async () => {
    const server = createServer(selfSignedIdentity(Date.now()), (_, response) => response.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await send({ url: `https://127.0.0.1:${port}/` })).toMatchObject({
      outcome: 'unreachable',
      message: expect.stringMatching(/self.signed certificate.*\(DEPTH_ZERO_SELF_SIGNED_CERT\)/i),
    });
    server.close();
  });
});

describe('A receiver', () => {
  it('that is not there is told with the reason', async () => {
    const { url } = receiver;
    await receiver.close();
    const told = await sender.send({ url, id: 'e1', body: '{}', secrets: SECRETS }, new AbortController().signal);
    expect(told).toMatchObject({ outcome: 'unreachable', message: expect.stringMatching(/ECONNREFUSED/) });
    receiver = await WebhookReceiver.start();
  });

  it('whose answer never comes, or never ends, is given up in time', async () => {
    receiver.behaviour = neverAnswer;
    const begin = performance.now();
    expect((await send()).outcome).toBe('timeout');
    expect(performance.now() - begin).toBeLessThan(3_000);
    receiver.behaviour = (response) => void response.writeHead(200).write('.');
    expect(await send()).toMatchObject({ outcome: 'delivered', status: 200 });
    receiver.behaviour = (response) => void response.writeHead(500).write('wait');
    expect(await send()).toMatchObject({ outcome: 'refused', status: 500 });
    await eventually('no request is open', () => receiver.open === 0);
  });

  it('whose answer is endless is cut off after 16 KB', async () => {
    receiver.behaviour = endlessBody(200, 'x'.repeat(65_536));
    const begin = performance.now();
    expect((await send()).outcome).toBe('delivered');
    expect(performance.now() - begin).toBeLessThan(450);
    await eventually('the connection is closed', () => receiver.open === 0);
  });

  it('is repeated without what a terminal would act upon, and not at length', async () => {
    receiver.behaviour = answer(400, `\u001b[31mred\r\n\u0000alert ${'y'.repeat(500)}`);
    const { message } = await send();
    expect(message).toMatch(/^The receiver answered HTTP 400: \[31mred alert y+$/);
    expect(message.length).toBeLessThan(240);
  });

  it.each([
    [429, '7', 7_000],
    [503, '0', 0],
    [503, 'soon', undefined],
    [500, '7', undefined],
    [503, new Date(Date.now() + 60_000).toUTCString(), 60_000],
  ])('that answers %i with Retry-After: %s', async (status, header, expected) => {
    receiver.behaviour = answer(status, '', { 'retry-after': header });
    const { retryAfterMs } = await send();
    if (expected === undefined) expect(retryAfterMs).toBeUndefined();
    else expect(Math.abs((retryAfterMs ?? NaN) - expected)).toBeLessThan(3_000);
  });

  it('is cut off when the sender is told to stop', async () => {
    receiver.behaviour = neverAnswer;
    const stop = new AbortController();
    const sending = send({}, stop.signal);
    await eventually('it has arrived', () => receiver.received.length === 1);
    stop.abort(new Error('stopping'));
    await expect(sending).rejects.toThrow('stopping');
  });
});

describe('Without the setting for private targets', () => {
  const resolvingTo = (...addresses: string[]) =>
    publicLookup((_, __, callback: (error: null, found: LookupAddress[]) => void) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    );

  it.each([['127.0.0.1'], ['::1'], ['::ffff:127.0.0.1'], ['169.254.169.254']])(
    'a name that has come to stand for %s is not connected to',
    async (address) => {
      sender = senderWith({ allowPrivateTargets: false, lookup: resolvingTo(address) });
      const answered = await send({ url: `http://hook.example.com:${receiver.port}/hook` });
      expect(answered).toMatchObject({
        outcome: 'forbidden_address',
        status: null,
        message: expect.stringMatching(/'hook.example.com' does not resolve to an address on the public internet/),
      });
      expect(receiver.received).toEqual([]);
    },
  );

  it('neither is an address in the URL itself, which nobody resolves', async () => {
    sender = senderWith({ allowPrivateTargets: false });
    expect((await send()).outcome).toBe('forbidden_address');
    expect((await send({ url: receiver.url.replace('127.0.0.1', 'localhost') })).outcome).toBe('forbidden_address');
    expect(receiver.received).toEqual([]);
  });

  it('the setting lets the same through', async () => {
    receiver.behaviour = accept;
    expect((await send({ url: receiver.url.replace('127.0.0.1', 'localhost') })).outcome).toBe('delivered');
  });
});
