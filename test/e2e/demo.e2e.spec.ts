import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { storedContracts } from '../support/stored-contracts.js';
import { buildProgram, childrenOf, dormouse, isAlive, Running, until } from './compiled-program.js';

const STARTED_WITHIN_MS = 60_000;
const PAUSED_WITHIN_MS = 60_000;

interface LabState {
  readonly workers: readonly { readonly name: string; readonly aws_instance_id: string }[];
  readonly received: readonly { readonly action: string; readonly aws_instance_ids: readonly string[] }[];
}

async function json<T>(url: string): Promise<T> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

/** The demo and everything that belongs to it, from its own output. */
class RunningDemo {
  private constructor(
    readonly program: Running,
    readonly lab: string,
    readonly data: string,
    readonly curls: readonly string[],
    readonly children: readonly number[],
  ) {}

  static async start(environment: NodeJS.ProcessEnv, args: readonly string[] = []): Promise<RunningDemo> {
    const program = Running.dormouse(['demo', ...args], environment);
    started.push(program);
    await program.printed(/What happens now/, STARTED_WITHIN_MS);
    const { stdout } = program;
    const lab = /lab {7}(\S+)/.exec(stdout)?.[1] ?? '';
    const data = /data {6}(\S+)/.exec(stdout)?.[1] ?? '';
    const curls = [...stdout.matchAll(/curl -s (\S+)/g)].flatMap(([, url]) => (url === undefined ? [] : [url]));
    return new RunningDemo(program, lab, data, curls, await childrenOf(program.child.pid ?? -1));
  }

  /** Waits until neither the demo nor what it started is there. */
  async gone(): Promise<void> {
    for (const pid of this.children) await until(async () => !(await isAlive(pid)), `process ${pid} has ended`);
  }
}

const started: Running[] = [];

describe('The demo', () => {
  let dataDirectory: string;

  beforeAll(buildProgram, 300_000);

  afterEach(async () => {
    for (const program of started.splice(0)) await program.end('SIGKILL');
    if (dataDirectory) await rm(dataDirectory, { recursive: true, force: true });
  });

  it('pauses an idle worker, tells why, and leaves nothing behind', async () => {
    const demo = await RunningDemo.start({ PORT: '0' }, ['--seconds', '90']);
    expect(demo.program.stdout).toContain('SIMULATED LAB');
    expect(demo.children).toHaveLength(2);
    await demo.program.printed(/lab-idle +>>> PAUSED by system: idle_timeout\n.*the timeout is 15 s/, PAUSED_WITHIN_MS);
    await demo.program.printed(/lab-broken-telemetry +telemetry unavailable/, 1_000);

    expect(demo.curls).toHaveLength(4);
    const [, activityUrl = '', idleStatusUrl = ''] = demo.curls;
    const activity = await json<Record<string, unknown>>(activityUrl);
    expect(activity).toMatchObject({ pause_reason: 'idle_timeout', paused_by: 'system', auto_pause_count: 1 });
    const idleStatus = await json<Record<string, unknown>>(idleStatusUrl);
    expect(idleStatus).toMatchObject({
      is_idle: true,
      reason: 'idle_timeout_exceeded',
      idle_threshold_minutes: 0.25,
      idle_threshold_source: 'setting',
    });
    expect(['stopping', 'stopped']).toContain(idleStatus['status']);

    const lab = await json<LabState>(demo.lab);
    const instance = lab.workers.find(({ name }) => name === 'lab-idle')?.aws_instance_id ?? '';
    const stops = lab.received.filter(
      ({ action, aws_instance_ids }) => action === 'StopInstances' && aws_instance_ids.includes(instance),
    );
    expect(stops).toHaveLength(1);

    const { code, stdout } = await demo.program.end('SIGINT');
    expect(code).toBe(0);
    expect(stdout).toMatch(/The demo ends: .*auto-pause/);
    await demo.gone();
    expect(existsSync(demo.data)).toBe(false);
  }, 200_000);

  it('names the page, which is there and says that the lab is simulated', async () => {
    const demo = await RunningDemo.start({ PORT: '0' });
    const [, url = ''] = /Open (\S+)\/ in a browser/.exec(demo.program.stdout) ?? [];
    expect(demo.program.stdout.indexOf('in a browser')).toBeLessThan(demo.program.stdout.indexOf('curl'));
    const page = await fetch(`${url}/`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toContain('text/html');

    const [, script = ''] = /<script[^>]* src="\.(\/assets\/[^"]+\.js)"/.exec(await page.text()) ?? [];
    const answer = await fetch(url + script, { headers: { 'accept-encoding': 'gzip, br' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-encoding')).toBe('br');
    expect(answer.headers.get('cache-control')).toContain('immutable');

    const about = await json<Record<string, unknown>>(`${url}/about`);
    expect(about['notice']).toMatch(/^Simulated lab: .*exist only in this program\.$/);
    expect((await demo.program.end('SIGTERM')).code).toBe(0);
  }, 100_000);

  it('pauses a coaching session that was forgotten, and resumes it by a message', async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-e2e-'));
    const demo = await RunningDemo.start({ PORT: '0', DATA_DIR: dataDirectory }, ['--seconds', '90']);
    await demo.program.printed(
      /ada +>>> PAUSED by system: inactivity\n +quiet for \d.*the timeout is 12 s/,
      PAUSED_WITHIN_MS,
    );
    await demo.program.printed(/ada +RESUMED by ada: message\n[^]*ada +says: I am back/, PAUSED_WITHIN_MS);

    const response = await fetch(demo.curls[3] ?? '', { headers: { 'x-tenant-id': 'demo', 'x-user-id': 'ada' } });
    const session = (await response.json()) as { user_id: string; messages: { content: string }[] };
    expect(session.user_id).toBe('ada');
    expect(session.messages.map(({ content }) => content)).toEqual([
      expect.stringContaining('care'),
      expect.stringContaining('When'),
      expect.stringContaining('I am back'),
    ]);

    await demo.program.end('SIGINT');
    await demo.gone();
    const { counts, violations } = await storedContracts(dataDirectory);
    expect(violations).toEqual([]);
    expect(Object.keys(counts)).toEqual(
      expect.arrayContaining(['WorkerActivityUpdated', 'SessionAutoPaused', 'SessionResumed', 'TopicClaimed']),
    );
  }, 200_000);

  it('takes its service and its lab along when it is killed, and keeps a data directory that was named', async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-e2e-'));
    const demo = await RunningDemo.start({ PORT: '0', DATA_DIR: dataDirectory });
    expect(demo.data).toBe(dataDirectory);
    expect(demo.children).toHaveLength(2);
    await demo.program.end('SIGKILL');
    await demo.gone();
    expect(existsSync(join(dataDirectory, 'events.sqlite'))).toBe(true);

    const again = await RunningDemo.start({ PORT: '0', DATA_DIR: dataDirectory });
    expect((await again.program.end('SIGTERM')).code).toBe(0);
    await again.gone();
  }, 200_000);

  it('says that it has seen no auto-pause when its time was too short for one', async () => {
    const { code, stdout } = await dormouse(['demo', '--seconds', '0.5'], { PORT: '0' });
    expect(code).toBe(1);
    expect(stdout).toContain('no auto-pause of workers seen');
  }, 60_000);

  it('refuses a port that was asked for and is taken', async () => {
    const taken = createServer();
    await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening));
    try {
      const { port } = taken.address() as { port: number };
      const { code, stderr } = await dormouse(['demo'], { PORT: String(port) });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringContaining(`Port ${port} of 127.0.0.1 is taken`),
      });
    } finally {
      taken.close();
    }
  }, 60_000);

  it('does not write invented workers into a history that is not its own', async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-e2e-'));
    expect((await dormouse(['job', 'activity-detection'], { DATA_DIR: dataDirectory })).code).toBe(0);
    const { code, stderr } = await dormouse(['demo'], { PORT: '0', DATA_DIR: dataDirectory });
    expect(code).toBe(1);
    expect(stderr).toContain('holds a history that no demo made');
  }, 60_000);
});
