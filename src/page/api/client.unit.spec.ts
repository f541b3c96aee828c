import { describe, expect, it } from '@jest/globals';
import { workerRow } from '../../../test/page/support/worker-row.js';
import { ServiceClient } from './client.js';
import { Problem, Unreachable } from './problem.js';
import { changeTimeout, listWorkers, workersByIds } from './workers.js';

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

const json = (body: unknown, init: ResponseInit = {}) => new Response(JSON.stringify(body), init);
const problem = (status: number, document: object) =>
  json(document, { status, headers: { 'content-type': 'application/problem+json' } });

/** A client whose requests are answered by the function. */
function clientOf(answer: (sent: Sent) => Response) {
  const sent: Sent[] = [];
  const heard: string[] = [];
  const client = new ServiceClient((url, init) => {
    sent.push({ url, init });
    return Promise.resolve().then(() => answer({ url, init }));
  });
  client.listen({
    reached: (reachable) => heard.push(reachable ? 'reached' : 'not reached'),
    late: (late) => heard.push(late ? 'late' : 'in time'),
  });
  const tokens = () => sent.map(({ init }) => new Headers(init.headers).get('Consistency-Token'));
  return { client, sent, heard, tokens };
}

describe('A query', () => {
  it('asks for answers as new as what was seen or done before', async () => {
    const { client, tokens, heard } = clientOf(({ init }) =>
      json({}, init.method === 'POST' ? { headers: { 'Consistency-Token': 'h.7' } } : {}),
    );
    await client.get('/workers');
    client.noteToken('h.5');
    await client.get('/workers');
    await client.command('POST', '/x', null, { user: 'ada', idempotencyKey: 'k' });
    await client.get('/workers');
    expect(tokens()).toEqual([null, 'h.5', null, 'h.7']);
    expect(heard).toContain('in time');
  });

  it('takes what there is when the view is late, and says so', async () => {
    const { client, heard } = clientOf(({ init }) =>
      new Headers(init.headers).has('Consistency-Token')
        ? problem(503, { code: 'view_is_late', detail: 'late' })
        : json({ older: true }),
    );
    client.noteToken('h.5');
    expect(await client.get('/workers')).toEqual({ older: true });
    expect(heard).toEqual(['reached', 'late', 'reached']);
  });

  it('forgets a token of another history', async () => {
    const errors = [{ field: 'Consistency-Token', message: 'not of this history' }];
    const { client, tokens } = clientOf(({ init }) =>
      new Headers(init.headers).has('Consistency-Token') ? problem(422, { code: 'invalid_input', errors }) : json({}),
    );
    client.noteToken('other.5');
    await client.get('/workers');
    await client.get('/workers');
    expect(tokens()).toEqual(['other.5', null, null]);
  });

  it('fails with the service’s own words, or with the status where there are none', async () => {
    const answers = [
      problem(409, { code: 'power_change_pending', detail: 'Wait.' }),
      new Response('<html>', { status: 502 }),
    ];
    const { client } = clientOf(() => answers.shift() ?? json({}));
    await expect(client.get('/a')).rejects.toMatchObject({
      status: 409,
      code: 'power_change_pending',
      message: 'Wait.',
    });
    await expect(client.get('/a')).rejects.toMatchObject({
      status: 502,
      code: 'http_502',
      message: 'The service answered 502.',
    });
  });

  it('tells a service that does not answer from one that nobody waits for any more', async () => {
    const { client, heard } = clientOf(({ init }) => {
      init.signal?.throwIfAborted();
      throw new TypeError('fetch failed');
    });
    await expect(client.get('/a')).rejects.toBeInstanceOf(Unreachable);
    expect(heard).toEqual(['not reached']);
    await expect(client.get('/a', AbortSignal.abort())).rejects.not.toBeInstanceOf(Unreachable);
    expect(heard).toEqual(['not reached']);
  });
});

describe('A failed command', () => {
  it('may have been done all the same, unless it was refused', () => {
    const open = (status: number, code: string) => new Problem(status, code, '').leavesOutcomeOpen;
    expect([open(500, 'internal_error'), open(502, 'ec2_unavailable'), open(503, 'x'), open(504, 'x')]).toEqual(
      Array(4).fill(true),
    );
    expect([open(409, 'x'), open(422, 'x'), open(502, 'ec2_refused'), open(502, 'telemetry_unavailable')]).toEqual(
      Array(4).fill(false),
    );
  });
});

describe('Workers', () => {
  it('are listed page by page, to the end', async () => {
    const pages = [
      { items: [workerRow({ name: 'a' })], next: 'n&1' },
      { items: [workerRow({ name: 'b' })], next: null },
    ];
    const { client, sent } = clientOf(() => json(pages.shift()));
    expect((await listWorkers(client)).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(sent.map(({ url }) => url)).toEqual(['/workers?limit=1000', '/workers?limit=1000&after=n%261']);
  });

  it('are looked up by their ids, as many at once as the service takes', async () => {
    const { client, sent } = clientOf(() => json({ items: [workerRow()], next: null }));
    const ids = Array.from({ length: 250 }, (_, index) => `id-${index}`);
    expect(await workersByIds(client, ids)).toHaveLength(3);
    expect(sent.map(({ url }) => new URLSearchParams(url.split('?')[1]).getAll('worker_id').length)).toEqual([
      100, 100, 50,
    ]);
  });

  it('are changed in somebody’s name, under a key', async () => {
    const { client, sent } = clientOf(() => json({ is_success: true }));
    const worker = { aws_region: 'us-east-1', worker_id: 'a b' };
    await changeTimeout(client, worker, null, { user: 'ada', idempotencyKey: 'key-1' });
    expect(sent[0]?.url).toBe('/region/us-east-1/workers/a%20b/policy');
    expect(sent[0]?.init).toMatchObject({
      method: 'PATCH',
      body: '{"idle_timeout_minutes":null}',
      headers: { 'Idempotency-Key': 'key-1', 'X-User-Id': 'ada', 'Content-Type': 'application/json' },
    });
  });
});
