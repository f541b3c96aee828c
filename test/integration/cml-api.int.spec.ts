import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { selfSignedIdentity } from '../../src/simulated-lab/self-signed.js';
import {
  EVENTS,
  PASSWORD,
  QUESTION,
  SERVICE_ID,
  TestCml,
  answer,
  client,
  closeOpened,
  failureOf,
  opened,
} from '../support/test-cml.js';
import type { Handler } from '../support/test-cml.js';

afterEach(closeOpened);

describe('logging in', () => {
  it('sends the credentials once, and the token with every reading', async () => {
    const tokens: (string | undefined)[] = [];
    const telemetry: Handler = (request, response) => {
      tokens.push(request.headers.authorization);
      answer(response, 200, EVENTS);
    };
    const cml = await TestCml.start({ '/telemetry/events': telemetry });
    const api = client();
    await api.readTelemetry(cml.address, QUESTION);
    const reading = await api.readTelemetry(`${cml.address}/`, QUESTION);
    expect(cml.logins.map((body) => JSON.parse(body) as unknown)).toEqual([
      { username: 'dormouse', password: PASSWORD },
    ]);
    expect(tokens).toEqual(['Bearer token-1', 'Bearer token-1']);
    expect(reading).toMatchObject({
      total: 3,
      malformed: 0,
      newCount: 2,
      lastActivityAt: Date.UTC(2025, 10, 19, 11, 30),
    });
  });

  it('is done once for all who need it at the same time', async () => {
    const cml = await TestCml.start();
    const api = client();
    await Promise.all(Array.from({ length: 5 }, () => api.readTelemetry(cml.address, QUESTION)));
    expect(cml.logins).toHaveLength(1);
  });

  it('keeps a token for each endpoint, path included', async () => {
    const cml = await TestCml.start();
    const api = client();
    await api.readTelemetry(`${cml.address}/one/`, QUESTION);
    await api.readTelemetry(`${cml.address}/two`, QUESTION);
    expect(cml.requests).toEqual(
      ['one', 'two'].flatMap((path) => [`/${path}/api/v0/authenticate`, `/${path}/api/v0/telemetry/events`]),
    );
  });

  it('is done anew when the token is no longer taken, once for all', async () => {
    const telemetry: Handler = (request, response) => {
      if (request.headers.authorization === 'Bearer token-1')
        answer(response, 401, { code: 401, description: 'expired' });
      else answer(response, 200, EVENTS);
    };
    const cml = await TestCml.start({ '/telemetry/events': telemetry });
    const api = client();
    await Promise.all(Array.from({ length: 5 }, () => api.readTelemetry(cml.address, QUESTION)));
    expect(cml.logins).toHaveLength(2);
  });

  it('is given up when a fresh token is not taken either, until the next reading', async () => {
    let refuse = true;
    const telemetry: Handler = (_, response) => answer(response, refuse ? 401 : 200, refuse ? {} : EVENTS);
    const cml = await TestCml.start({ '/telemetry/events': telemetry });
    const api = client();
    expect(await failureOf(api.readTelemetry(cml.address, QUESTION))).toMatchObject({ failure: 'unauthorized' });
    expect(cml.logins).toHaveLength(2);
    refuse = false;
    expect((await api.readTelemetry(cml.address, QUESTION)).total).toBe(3);
  });

  it('that is denied says so with the settings to check, and is tried again at the next reading', async () => {
    const deny: Handler = (_, response, body) => answer(response, 403, { code: 403, description: `wrong: ${body}` });
    const cml = await TestCml.start({ '/authenticate': deny });
    const api = client();
    const failure = await failureOf(api.readTelemetry(cml.address, QUESTION));
    expect(failure).toMatchObject({ failure: 'login_denied', code: 'telemetry_unavailable', status: 502 });
    expect(failure.message).toMatch(/'dormouse'.*CML_USERNAME and CML_PASSWORD/);
    await failureOf(api.readTelemetry(cml.address, QUESTION));
    expect(cml.logins).toHaveLength(2);
  });

  it.each([
    ['that answers no token', (r: ServerResponse) => answer(r, 200, { hello: 'world' }), 'not_json'],
    ['that answers a page', (r: ServerResponse) => void r.end('<html></html>'), 'not_json'],
    ['that fails', (r: ServerResponse) => answer(r, 500, { code: 500, description: 'no database' }), 'http_status'],
    ['that is not there', (r: ServerResponse) => answer(r, 404, {}), 'http_status'],
  ])('%s is not a login', async (_, respond, expected) => {
    const cml = await TestCml.start({ '/authenticate': (__, response) => respond(response) });
    expect(await failureOf(client().readTelemetry(cml.address, QUESTION))).toMatchObject({ failure: expected });
  });

  it('needs credentials and an endpoint, and says which', async () => {
    const nobody = client({ username: null });
    const failure = await failureOf(nobody.readTelemetry('http://127.0.0.1:9', QUESTION));
    expect(failure).toMatchObject({ failure: 'no_credentials' });
    expect(failure.message).toMatch(/CML_USERNAME and CML_PASSWORD/);
    expect(await failureOf(client().readTelemetry('', QUESTION))).toMatchObject({ failure: 'no_endpoint' });
  });
});

describe("the service's own activity", () => {
  const extended: Handler = (_, response) =>
    answer(response, 200, { username: 'd', id: SERVICE_ID, token: 'own-token' });

  it('counts unless it is to be left out', async () => {
    const cml = await TestCml.start({ '/auth_extended': extended });
    expect((await client().readTelemetry(cml.address, QUESTION)).newCount).toBe(2);
  });

  it('is left out by the id that the login tells', async () => {
    const cml = await TestCml.start({ '/auth_extended': extended });
    const { newEvents } = await client({ excludeOwnActivity: true }).readTelemetry(cml.address, QUESTION);
    expect(newEvents.map(({ category }) => category)).toEqual(['start_lab']);
  });

  it('counts, with a warning, at a CML that does not tell', async () => {
    const cml = await TestCml.start();
    const log: string[] = [];
    const api = client({ excludeOwnActivity: true }, log);
    expect((await api.readTelemetry(cml.address, QUESTION)).newCount).toBe(2);
    expect(log.join()).toMatch(/our own user id/);
  });
});

describe('telemetry that cannot be had', () => {
  const cases: [string, Handler, string, RegExp][] = [
    [
      'a server error',
      (_, r) => answer(r, 503, { code: 503, description: 'still booting' }),
      'http_status',
      /503: still booting/,
    ],
    ['an error page', (_, r) => void r.writeHead(502).end('<html>'), 'http_status', /HTTP 502/],
    [
      'an error that repeats a secret',
      (q, r) => answer(r, 500, { description: q.headers.authorization }),
      'http_status',
      /\*\*\*/,
    ],
    ['no content', (_, r) => void r.writeHead(204).end(), 'http_status', /204/],
    ['a page', (_, r) => void r.end('<html></html>'), 'not_json', /not JSON/],
    ['half an array', (_, r) => void r.end('[{"category":'), 'not_json', /not JSON/],
    ['nothing', (_, r) => void r.end(), 'not_json', /not JSON/],
    ['an object', (_, r) => answer(r, 200, { events: [] }), 'not_array', /not a JSON array/],
    [
      'an answer that breaks off',
      (_, r) => void r.writeHead(200, { 'content-length': 100 }).write('[', () => r.destroy()),
      'unreachable',
      /UND_ERR/,
    ],
    ['silence', () => undefined, 'timeout', /CML_REQUEST_TIMEOUT_MS/],
    ['an answer that stops', (_, r) => void r.write('[1,'), 'timeout', /CML_REQUEST_TIMEOUT_MS/],
  ];

  it.each(cases)('because of %s', async (_, handler, expected, message) => {
    const cml = await TestCml.start({ '/telemetry/events': handler });
    const failure = await failureOf(client({ requestTimeoutMs: 300 }).readTelemetry(cml.address, QUESTION));
    expect(failure).toMatchObject({ failure: expected, details: { failure: expected } });
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain(cml.address);
  });

  it('because the answer comes too slowly, though something always comes', async () => {
    const trickle: Handler = (_, response) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    };
    const cml = await TestCml.start({ '/telemetry/events': trickle });
    const failure = await failureOf(client({ requestTimeoutMs: 300 }).readTelemetry(cml.address, QUESTION));
    expect(failure).toMatchObject({ failure: 'timeout' });
  });

  it('because nobody listens, or the name does not exist', async () => {
    const cml = await TestCml.start();
    await opened.pop()?.();
    const refused = await failureOf(client().readTelemetry(cml.address, QUESTION));
    expect(refused).toMatchObject({ failure: 'unreachable' });
    expect(refused.message).toMatch(/ECONNREFUSED/);
    expect(await failureOf(client().readTelemetry('http://cml.invalid', QUESTION))).toMatchObject({
      failure: 'unreachable',
    });
  });

  it('because of a redirect, which is not followed with the token', async () => {
    const elsewhere = await TestCml.start();
    const redirect: Handler = (_, response) =>
      void response.writeHead(302, { location: `${elsewhere.address}/x` }).end();
    const cml = await TestCml.start({ '/telemetry/events': redirect });
    const failure = await failureOf(client().readTelemetry(cml.address, QUESTION));
    expect(failure).toMatchObject({ failure: 'http_status' });
    expect(failure.message).toMatch(/redirect/);
    expect(elsewhere.requests).toEqual([]);
  });

  it('because it is too large, which is noticed at its announced length', async () => {
    const cml = await TestCml.start();
    const failure = await failureOf(client({ maxAnswerBytes: 100 }).readTelemetry(cml.address, QUESTION));
    expect(failure).toMatchObject({ failure: 'too_large' });
  });

  it('because it does not end, which is noticed at the limit and ends the connection', async () => {
    const closed = Promise.withResolvers<void>();
    const endless: Handler = (_, response) => {
      const block = `${'[1],'.repeat(16_384)}`;
      const more = (): void => {
        while (!response.destroyed && response.write(block));
        response.once('drain', more);
      };
      response.on('close', closed.resolve);
      response.write('[');
      more();
    };
    const cml = await TestCml.start({ '/telemetry/events': endless });
    const failure = await failureOf(client({ maxAnswerBytes: 3_000_000 }).readTelemetry(cml.address, QUESTION));
    expect(failure).toMatchObject({ failure: 'too_large' });
    await closed.promise;
  });
});

describe("CML's clock", () => {
  it.each([
    ['ahead', 'Wed, 19 Nov 2025 12:10:00 GMT', 600_500],
    ['behind', 'Wed, 19 Nov 2025 11:00:00 GMT', -3_599_500],
    ['unreadable', 'soon', null],
  ])('that is %s is told with the telemetry', async (_, date, expected) => {
    const telemetry: Handler = (__, response) => void response.writeHead(200, { date }).end('[]');
    const cml = await TestCml.start({ '/telemetry/events': telemetry });
    expect((await client().readTelemetry(cml.address, QUESTION)).clockSkewMs).toBe(expected);
  });
});

describe('TLS', () => {
  const identity = selfSignedIdentity(Date.now());

  it('refuses a certificate that nobody vouches for, and says which settings help', async () => {
    const cml = await TestCml.start({}, identity);
    const failure = await failureOf(client().readTelemetry(cml.address, QUESTION));
    expect(failure).toMatchObject({ failure: 'tls' });
    expect(failure.message).toMatch(/CML_CA_FILE.*CML_VERIFY_TLS/);
    expect(cml.logins).toEqual([]);
  });

  it('accepts a certificate that the CA file vouches for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cml-ca-'));
    opened.push(() => rmSync(folder, { recursive: true }));
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, identity.cert);
    const cml = await TestCml.start({}, identity);
    expect((await client({ caFile }).readTelemetry(cml.address, QUESTION)).total).toBe(3);
  });

  it('accepts any certificate when verification is off', async () => {
    const cml = await TestCml.start({}, identity);
    expect((await client({ verifyTls: false }).readTelemetry(cml.address, QUESTION)).total).toBe(3);
  });

  it('says that a server does not speak it', async () => {
    const cml = await TestCml.start();
    const failure = await failureOf(client().readTelemetry(cml.address.replace('http', 'https'), QUESTION));
    expect(failure).toMatchObject({ failure: 'tls' });
  });
});
