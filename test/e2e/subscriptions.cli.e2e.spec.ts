import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cli } from '../../src/cli/cli.js';
import { programOf } from '../../src/cli/program.js';
import { eventually } from '../support/eventually.js';
import { PushLab } from '../support/push-lab.js';
import type { WebhookReceiver } from '../support/webhook-receiver.js';
import { accept, answer } from '../support/webhook-receiver.js';

let lab: PushLab;
let receiver: WebhookReceiver;

beforeAll(async () => {
  lab = await PushLab.open({ PORT: '0' });
  environment['DORMOUSE_URL'] = await lab.service.service.listen();
});
afterAll(() => lab.close());
beforeEach(async () => {
  receiver = await lab.receiver();
});

let printed: string[];
const terminal = {
  out: (line: string) => void printed.push(line),
  err: (line: string) => void printed.push(line),
  paint: (_: unknown, text: string) => text,
  progress: () => undefined,
  status: () => undefined,
};
const environment: NodeJS.ProcessEnv = {};
const cli = new Cli(terminal, environment);

/** Runs `dormouse subscriptions ...`. @returns what it prints */
async function subscriptions(...args: string[]): Promise<string> {
  printed = [];
  await programOf(cli)
    .parseAsync(['subscriptions', ...args], { from: 'user' })
    .catch((error: unknown) => cli.report(error));
  return printed.join('\n');
}

async function create(...args: string[]): Promise<{ readonly id: string; readonly secret: string }> {
  const { subscription_id, secret } = JSON.parse(await subscriptions('create', receiver.url, '--json', ...args)) as {
    subscription_id: string;
    secret: string;
  };
  return { id: subscription_id, secret };
}

describe('dormouse subscriptions', () => {
  it('create prints the subscription and its secret', async () => {
    const text = await subscriptions('create', receiver.url, '--description', 'for a test');
    expect(text).toMatch(/^sub_[0-9a-f-]{36}: events are pushed to http:\/\/127\.0\.0\.1:\d+\/hook\.$/m);
    expect(text).toMatch(/^ {2}secret {2}whsec_\S+$/m);
  });

  it('create says what is not accepted', async () => {
    const text = await subscriptions('create', 'ftp://example.com', '--type', 'x', '--kind', 'kettle');
    expect(text).toMatch(
      /dormouse: Not accepted:\n {2}url: an http.*\n {2}types: 'x' is not published.*\n {2}aggregate_kind: /,
    );
  });

  it('list and show tell how the deliveries stand', async () => {
    const { id } = await create('--kind', 'coaching_session', '--type', 'dormouse.coaching_session.started.v1');
    receiver.behaviour = answer(500, 'out of order');
    await lab.session('ada');
    await eventually('it fails', async () => (await subscriptions('show', id)).includes('last error'));
    const shown = await subscriptions('show', id);
    expect(shown).toMatch(new RegExp(`^${id} {2}active$`, 'm'));
    expect(shown).toMatch(/^ {2}types +dormouse\.coaching_session\.started\.v1$/m);
    expect(shown).toMatch(/^ {2}of +coaching_session$/m);
    expect(shown).toMatch(/^ {2}behind +1 event, the oldest from .* ago$/m);
    expect(shown).toMatch(/^ {2}last error +\S+ \S+ {2}The receiver answered HTTP 500: out of order$/m);
    expect(await subscriptions('list')).toMatch(new RegExp(`^${id} +active +0 +- +20\\S+ \\S+ +http`, 'm'));
    expect(await subscriptions('list', '--state', 'suspended')).toMatch(/^No subscriptions/);
    receiver.behaviour = accept;
    await subscriptions('delete', id);
  });

  it('pause, resume, redeliver, rotate-secret and delete do what they say', async () => {
    const { id, secret } = await create();
    expect(await subscriptions('pause', id)).toBe(`${id}: paused.`);
    expect(await subscriptions('resume', id)).toBe(`${id}: resumed.`);
    await lab.session('bob');
    await eventually('it has arrived', () => receiver.received.length > 0);
    const before = receiver.received.length;
    expect(await subscriptions('redeliver', id, '--after', 'beginning')).toBe(`${id}: deliveries begin again.`);
    await eventually('it has arrived again', () => receiver.received.length > before);
    const rotated = await subscriptions('rotate-secret', id);
    expect(rotated).toMatch(/secret {2}whsec_/);
    expect(rotated).not.toContain(secret);
    expect(await subscriptions('delete', id)).toBe(`${id}: deleted.`);
    expect(await subscriptions('pause', id)).toBe('dormouse: No subscription has this id.');
  });
});
