import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { ServiceHarness } from '../support/service-harness.js';

/** What is in flight gets its time, 5 s; what has been answered needs none of it. */
const AT_ONCE_MS = 3_000;

let harness: ServiceHarness;

beforeAll(async () => {
  harness = await ServiceHarness.open({ PORT: '0' });
});

afterAll(async () => {
  await harness.close();
});

describe('A service that stops', () => {
  it('answers a long poll at once, and does not wait for its connection, which the client keeps', async () => {
    const url = await harness.service.listen();
    const agent = new Agent({ keepAlive: true });
    const request = get(`${url}/events?after=now&wait=60`, { agent });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    await once(harness.service.app.getHttpServer(), 'request');

    const begin = performance.now();
    const stopped = harness.stopService();
    const [answer] = await answered;
    const body = await text(answer);
    await stopped;

    expect(answer.statusCode).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ events: [], live: true });
    expect(performance.now() - begin).toBeLessThan(AT_ONCE_MS);
    agent.destroy();
  });
});
