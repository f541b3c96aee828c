#!/usr/bin/env node
/**
 * Fuzzes the HTTP interface: starts the simulated lab and the ordinary service against it, registers the lab's workers,
 * and lets schemathesis loose on /openapi.json; then once more with ids of workers and sessions that exist, as the person
 * whose sessions they are. Streams, which have no end that schemathesis could wait for, are asked for by this program: by
 * words of its own in every parameter. Every answer must have a documented status and shape; the service's own log must tell
 * of no 5xx but the documented 502 for what EC2 or CML refused; and the service must be ready afterwards.
 *
 *   node scripts/http-fuzz.mjs [path of schemathesis] [examples per operation]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CHECKS = 'status_code_conformance,content_type_conformance,response_schema_conformance';
const PERSON = { 'X-Tenant-Id': 'fuzz', 'X-User-Id': 'ada' };
const AS_PERSON = Object.entries(PERSON).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [schemathesis = 'schemathesis', examples = '50'] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'dormouse-http-fuzz-'));
const children = [];

function start(script, options) {
  const child = spawn(process.execPath, [join(root, 'dist', script)], { cwd: dir, ...options });
  children.push(child);
  return child;
}

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('the process ended without a line');
}

async function until(what, attempt) {
  for (let tries = 0; tries < 200; tries++) {
    const done = await attempt().catch(() => undefined);
    if (done) return done;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not happen`);
}

/** One run of schemathesis. @returns its exit code */
async function fuzz(url, ...more) {
  const limits = ['--max-examples', examples, '--request-timeout', '30', '--workers', '1', '--continue-on-failure'];
  const given = ['run', `${url}/openapi.json`, '--checks', CHECKS, ...limits, ...more];
  const child = spawn(schemathesis, given, { cwd: dir, stdio: 'inherit' });
  return await new Promise((resolve) => child.on('close', resolve));
}

/** Begins streams with what nobody should send, and some that are as they should be. @returns what was answered wrongly */
async function fuzzStreams(url) {
  const { paths } = await (await fetch(`${url}/openapi.json`)).json();
  const documented = Object.keys(paths['/events/stream'].get.responses);
  const { events } = await (await fetch(`${url}/events?limit=1`)).json();
  const { type, subject, position } = events[0];
  const words = [
    '',
    ' ',
    '0',
    '-1',
    '1e3',
    '\u0000',
    '🐭',
    '../..',
    '%',
    "' OR 1=1",
    'a'.repeat(3_000),
    '{}',
    '[]',
    'null',
    'now',
  ];
  const known = [type, subject, position, 'cml_worker', 'beginning', subject.split('/')[1]];
  const wrong = [];
  for (const name of ['type', 'subject', 'aggregate_kind', 'aggregate_id', 'after', 'Last-Event-ID', 'unheard_of']) {
    for (const value of [...words, ...known]) {
      const stop = new AbortController();
      const isHeader = name === 'Last-Event-ID';
      if (isHeader && !/^[\x20-\x7e]*$/.test(value)) continue;
      const target = isHeader
        ? `${url}/events/stream`
        : `${url}/events/stream?${new URLSearchParams({ [name]: value })}`;
      const answer = await fetch(target, { signal: stop.signal, headers: isHeader ? { [name]: value } : {} });
      const media = answer.headers.get('content-type') ?? '';
      const isRight = media.startsWith(answer.ok ? 'text/event-stream' : 'application/problem+json');
      if (!isRight || !documented.includes(String(answer.status)))
        wrong.push({ name, value, status: answer.status, media });
      stop.abort();
    }
  }
  return wrong;
}

/** Made-up ids meet nothing: from now on schemathesis takes those of a worker and of the person's sessions. */
async function nameWhatExists(url, region) {
  const { items: workers } = await (await fetch(`${url}/region/${region}/workers`)).json();
  const sessions = [];
  for (const topic_id of ['core_values', 'purpose', 'vision']) {
    const started = await fetch(`${url}/coaching/sessions`, {
      method: 'POST',
      headers: { ...PERSON, 'content-type': 'application/json' },
      body: JSON.stringify({ topic_id }),
    });
    sessions.push((await started.json()).session_id);
  }
  const subscribed = await fetch(`${url}/subscriptions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: 'https://receiver.invalid/hook' }),
  });
  const ids = {
    'path.subscription_id': (await subscribed.json()).subscription_id,
    'path.aws_region': region,
    'path.worker_id': workers.map(({ worker_id }) => worker_id),
    'path.session_id': sessions,
  };
  const lines = Object.entries({ ...ids, 'query.wait': [0, 1] }).map(
    ([name, value]) => `${JSON.stringify(name)} = ${JSON.stringify(value)}`,
  );
  writeFileSync(join(dir, 'schemathesis.toml'), ['[parameters]', ...lines, ''].join('\n'));
}

async function main() {
  const lab = start('simulated-lab/main.js', { stdio: ['pipe', 'pipe', 'inherit'] });
  const announced = JSON.parse(await firstLine(lab.stdout));
  lab.stdout.resume();
  const log = openSync(join(dir, 'service.log'), 'w');
  const service = start('main.js', {
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      AWS_ENDPOINT_URL_EC2: announced.ec2_endpoint,
      AWS_ACCESS_KEY_ID: 'simulated',
      AWS_SECRET_ACCESS_KEY: 'simulated',
      CML_USERNAME: announced.username,
      CML_PASSWORD: announced.password,
      DATA_DIR: join(dir, 'data'),
      PORT: '0',
    },
  });
  const url = await until(
    'listening',
    async () => JSON.parse(readFileSync(join(dir, 'data', 'instance.json'), 'utf8')).url,
  );
  for (const { aws_instance_id, cml_endpoint } of announced.workers) {
    await fetch(`${url}/region/${announced.region}/workers/import`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ aws_instance_id, cml_endpoint }),
    });
  }
  // Long polls would only make it long.
  writeFileSync(join(dir, 'schemathesis.toml'), '[parameters]\n"query.wait" = [0, 1]\n');
  const codes = [await fuzz(url, '--exclude-path', '/events/stream')];
  const wrong = await fuzzStreams(url);
  for (const line of wrong.slice(0, 20)) console.log(JSON.stringify(line));
  console.log(`Streams: ${wrong.length} answers that are not documented.`);
  codes.push(wrong.length);
  await nameWhatExists(url, announced.region);
  codes.push(await fuzz(url, '--include-path-regex', '^/(coaching|region|subscriptions)', ...AS_PERSON));
  const ready = await fetch(`${url}/health/ready`);
  if (service.exitCode !== null || ready.status !== 200) throw new Error('the service did not survive');
  const events = await (await fetch(`${url}/admin/events?limit=1&direction=backwards`)).json();
  console.log(`The service is alive and ready; ${events.position ?? 0} events stored.`);
  const failed = readFileSync(join(dir, 'service.log'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === 'request.failed' || msg === 'request.failed_unexpectedly');
  const unexpected = failed.filter(({ status }) => status !== 502);
  for (const line of unexpected.slice(0, 20)) console.log(JSON.stringify(line));
  console.log(`${failed.length - unexpected.length} documented 502, ${unexpected.length} other 5xx.`);
  return codes.every((code) => code === 0) && unexpected.length === 0 ? 0 : 1;
}

let exit = 1;
try {
  exit = await main();
} finally {
  for (const child of children) child.kill('SIGTERM');
  rmSync(dir, { recursive: true, force: true });
}
process.exit(exit);
