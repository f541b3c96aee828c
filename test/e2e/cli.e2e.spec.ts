import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SimulatedLab } from '../../src/simulated-lab/lab.js';
import type { JobRecord } from '../../src/platform/jobs/job.js';
import { buildProgram, cleanEnvironment, dormouse, DORMOUSE, linesOf, ROOT, Running } from './compiled-program.js';
import type { Finished } from './compiled-program.js';

const ONE_COMMAND_MS = 60_000;

describe('The dormouse program', () => {
  let lab: SimulatedLab;
  let dataDirectory: string;
  let environment: NodeJS.ProcessEnv;
  let started: Running[];

  beforeAll(async () => {
    await buildProgram();
  }, 300_000);

  beforeEach(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'dormouse-e2e-'));
    started = [];
    lab = new SimulatedLab({ workers: [{ name: 'lab-7', behaviour: 'never_used' }], timings: { stoppingMs: 50 } });
    await lab.start();
    const { ec2_endpoint, region, username, password } = lab.announcement();
    environment = {
      DATA_DIR: dataDirectory,
      PORT: '0',
      AWS_ENDPOINT_URL_EC2: ec2_endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: 'simulated',
      AWS_SECRET_ACCESS_KEY: 'simulated',
      CML_USERNAME: username,
      CML_PASSWORD: password,
    };
  });

  afterEach(async () => {
    for (const program of started) await program.end('SIGKILL');
    await lab.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  function cli(...args: string[]): Promise<Finished> {
    return dormouse(args, environment);
  }

  /** Runs a command that must succeed. @returns what it printed */
  async function ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  function importLab7(): Promise<string> {
    const [worker] = lab.announcement().workers;
    return ok('workers', 'import', worker?.aws_instance_id ?? '', '--cml-endpoint', worker?.cml_endpoint ?? '');
  }

  async function serve(): Promise<Running> {
    const service = Running.dormouse(['serve'], environment);
    started.push(service);
    await service.printed(/service\.listening/, ONE_COMMAND_MS);
    return service;
  }

  it(
    'runs a job without a running service and prints one line of JSON',
    async () => {
      const stdout = await ok('job', 'activity-detection');
      expect(linesOf(stdout)).toHaveLength(1);
      expect(JSON.parse(stdout)).toMatchObject({
        name: 'activity-detection',
        outcome: 'succeeded',
        summary: { checked: 0, errors: 0 },
        checked: 0,
        errors: 0,
        error: null,
      });
    },
    ONE_COMMAND_MS,
  );

  it(
    'prints what a sweep over coaching sessions has paused',
    async () => {
      expect(JSON.parse(await ok('job', 'session-auto-pause'))).toMatchObject({ paused_sessions: 0, error: null });
    },
    ONE_COMMAND_MS,
  );

  it.each([
    ['is not known', 'no-such-job', {}, 'unknown_job'],
    [
      'has settings that are not accepted',
      'activity-detection',
      { WORKER_IDLE_TIMEOUT_MINUTES: 'x' },
      'settings_not_accepted',
    ],
    ['cannot reach its service', 'activity-detection', { DORMOUSE_URL: 'http://127.0.0.1:9' }, 'service_unreachable'],
  ])(
    'prints one line of JSON and exits 1 for a job that %s',
    async (_, name, more, code) => {
      const finished = await dormouse(['job', name], { ...environment, ...more });
      expect(finished.code).toBe(1);
      expect(linesOf(finished.stdout)).toHaveLength(1);
      const record = JSON.parse(finished.stdout) as JobRecord;
      expect(record).toMatchObject({ name, outcome: 'failed', summary: null, error: { code } });
      expect(record.duration_ms).toBe(Date.parse(record.finished_at) - Date.parse(record.started_at));
    },
    ONE_COMMAND_MS,
  );

  it(
    'lets two jobs that start at the same time on one data directory both do their work',
    async () => {
      const both = await Promise.all([cli('job', 'activity-detection'), cli('job', 'worker-status-sync')]);
      expect(both.map(({ stdout }) => (JSON.parse(stdout) as JobRecord).outcome)).toEqual(['succeeded', 'succeeded']);
    },
    ONE_COMMAND_MS,
  );

  it(
    'works on the data directory by itself when no service runs',
    async () => {
      await importLab7();
      expect(await ok('workers', 'list')).toMatch(/^lab-7 +running/m);
      expect(await ok('projections', 'rebuild', 'workers')).toContain('workers: rebuilt from 1 event, 1 document.');
      expect(await ok('projections', 'verify', 'workers')).toContain('equal to what the events say');
      expect(await ok('projections', 'status')).toMatch(/^workers +live/m);
      expect(await ok('parked', 'list')).toBe('No stream is parked.\n');
      const [event] = linesOf(await ok('events', 'tail', '--once', '--json')).map(
        (line) => JSON.parse(line) as { id: string; stream: string; type: string },
      );
      expect(event?.type).toBe('WorkerRegistered');
      expect(await ok('events', 'show', event?.id ?? '')).toContain('"name": "lab-7"');
      expect(await ok('events', 'show', event?.stream ?? '')).toContain('WorkerRegistered');
    },
    4 * ONE_COMMAND_MS,
  );

  it(
    'finds the service that runs on the data directory, and follows its events',
    async () => {
      const service = await serve();
      await importLab7();
      const tail = Running.dormouse(['events', 'tail', '--type', 'WorkerPaused'], environment);
      started.push(tail);
      expect(await ok('workers', 'pause', 'lab-7')).toBe('lab-7: paused.\n');
      await tail.printed(/WorkerPaused {2}cmlWorker-\S+ {2}by cli:\S+ .*reason=manual/, ONE_COMMAND_MS);
      expect((await tail.end('SIGINT')).code).toBe(0);

      const shown = JSON.parse(await ok('workers', 'show', 'lab-7', '--json')) as { activity: object };
      expect(shown.activity).toMatchObject({ pause_reason: 'manual', manual_pause_count: 1 });
      expect((await service.end('SIGTERM')).code).toBe(0);
    },
    4 * ONE_COMMAND_MS,
  );

  it(
    'changes a worker’s policy and idle detection, asks EC2 and CML about it, and forgets it',
    async () => {
      const service = await serve();
      await importLab7();
      expect(await ok('workers', 'policy', 'lab-7', '--idle-timeout-minutes', '240.5')).toBe('lab-7: changed.\n');
      expect(await ok('workers', 'idle-detection', 'lab-7', 'off')).toBe('lab-7: idle detection is off.\n');
      const [worker] = JSON.parse(await ok('workers', 'list', '--json')) as object[];
      expect(worker).toMatchObject({ idle_timeout_minutes: 240.5, is_idle_detection_enabled: false });
      const refused = await cli('workers', 'policy', 'lab-7', '--idle-timeout-minutes', 'soon');
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(
        /idle_timeout_minutes: null, or a number of minutes above 0 to 525600, is accepted/,
      );
      await ok('workers', 'policy', 'lab-7', '--idle-timeout-minutes', 'global');
      expect(await ok('workers', 'ec2-state', 'lab-7')).toMatch(/state +running/);
      expect(await ok('workers', 'telemetry', 'lab-7', '--limit', '1')).toMatch(/of \d+ events?; \d shown\./);
      expect(await ok('workers', 'deregister', 'lab-7')).toBe('lab-7: deregistered.\n');
      expect(await ok('workers', 'list')).toMatch(/^No workers/);
      expect((await service.end('SIGTERM')).code).toBe(0);
    },
    4 * ONE_COMMAND_MS,
  );

  it(
    'makes no history where a command only looks for one',
    async () => {
      const mistyped = join(dataDirectory, 'mistyped', 'data');
      environment = { ...environment, DATA_DIR: mistyped };
      for (const command of [
        ['workers', 'list'],
        ['projections', 'status'],
        ['events', 'export'],
      ]) {
        const { code, stdout, stderr } = await cli(...command);
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(/^dormouse: There is no history in \S+mistyped\/data\. Is DATA_DIR right\?/);
      }
      expect(existsSync(join(dataDirectory, 'mistyped'))).toBe(false);
    },
    3 * ONE_COMMAND_MS,
  );

  it(
    'moves a history to another data directory: exported with and without a service, imported without one',
    async () => {
      const [early, file, cut] = ['early.ndjson', 'history.ndjson', 'cut.ndjson'].map((name) =>
        join(dataDirectory, name),
      );
      const service = await serve();
      await importLab7();
      await ok('workers', 'pause', 'lab-7');
      const first = JSON.parse(await ok('events', 'export', '--out', early!, '--json')) as { events: number };
      expect(await readFile(early!, 'utf8')).toContain('"type":"WorkerPaused"');
      const again = await cli('events', 'export', '--out', early!);
      expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/exists already/) });
      const busy = await cli('events', 'import', early!);
      expect(busy).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use by process/) });
      expect((await service.end('SIGTERM')).code).toBe(0);

      // What the service wrote since, the status that its sync saw for one, is in the export after its end.
      const { events } = JSON.parse(await ok('events', 'export', '--out', file!, '--json')) as { events: number };
      const before = JSON.parse(await ok('workers', 'list', '--json')) as unknown;
      expect(await readdir(dataDirectory)).not.toContain('history.ndjson.unfinished');

      environment = { ...environment, DATA_DIR: join(dataDirectory, 'elsewhere') };
      await writeFile(cut!, (await readFile(file!)).subarray(0, -200));
      const refused = await cli('events', 'import', cut!);
      expect(refused).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^dormouse: The file is truncated/),
      });
      expect(existsSync(join(dataDirectory, 'elsewhere'))).toBe(false);

      await ok('events', 'import', early!);
      const completed = JSON.parse(await ok('events', 'import', file!, '--json')) as object;
      const present = first.events;
      expect(completed).toMatchObject({ events, streams: 1, present, imported: events - present });
      expect(await ok('events', 'import', file!)).toMatch(
        `0 events imported. ${events} events had been imported before.`,
      );
      expect(JSON.parse(await ok('workers', 'list', '--json'))).toEqual(before);
    },
    10 * ONE_COMMAND_MS,
  );

  it(
    'exports to standard output and imports from standard input',
    async () => {
      await importLab7();
      const exported = await cli('events', 'export');
      expect(exported).toMatchObject({ code: 0, stderr: expect.stringMatching(/^1 event of 1 stream exported/) });
      expect(linesOf(exported.stdout)).toHaveLength(3);
      const target = { ...environment, DATA_DIR: join(dataDirectory, 'elsewhere') };
      const program = spawn(process.execPath, [DORMOUSE, 'events', 'import', '-'], { env: cleanEnvironment(target) });
      program.stdin.end(exported.stdout);
      expect(await text(program.stdout)).toMatch(/^1 event imported\./);
    },
    3 * ONE_COMMAND_MS,
  );

  it(
    'says what is wrong on standard error and exits 1, or 2 when the command line is wrong',
    async () => {
      await ok('job', 'worker-status-sync');
      const unknown = await cli('workers', 'show', 'nobody');
      expect(unknown).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^dormouse: No worker .*'nobody'/),
      });
      const refused = await cli('workers', 'import', 'my-instance');
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/^dormouse: Not accepted:\n {2}aws_instance_id: an EC2 instance id/);
      const wrong = await cli('workers', 'list', '--status', 'asleep');
      expect(wrong).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/^dormouse: option '--status/) });
    },
    2 * ONE_COMMAND_MS,
  );

  it(
    'goes on under the Node that was installed with it, with that one’s exit code',
    async () => {
      const program = `
        const { runOnNewerNode } = await import(${JSON.stringify(join(ROOT, 'dist/cli/node-process.js'))});
        process.exitCode = await runOnNewerNode(['-p', 'process.exitCode = 7; process.versions.node']);`;
      const { code, stdout } = await Running.node(['--input-type=module', '-e', program], {}).end();
      expect(Number(stdout.split('.')[0])).toBeGreaterThanOrEqual(26);
      expect(code).toBe(7);
    },
    ONE_COMMAND_MS,
  );
});
