#!/usr/bin/env node
/**
 * Fuzzes the HTTP interface: starts the simulated lab and the ordinary service against it, registers the lab's workers,
 * and lets schemathesis loose on /openapi.json. Every answer must have a documented status and shape; the service's own log
 * must tell of no 5xx but the documented 502 for what EC2 or CML refused; and the service must be ready afterwards.
 *
 *   node scripts/http-fuzz.mjs [path of schemathesis] [examples per operation]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CHECKS = 'status_code_conformance,content_type_conformance,response_schema_conformance';
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
  const { readFileSync } = await import('node:fs');
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
  const fuzz = spawn(
    schemathesis,
    [
      'run',
      `${url}/openapi.json`,
      '--checks',
      CHECKS,
      '--max-examples',
      examples,
      '--request-timeout',
      '30',
      '--workers',
      '1',
      '--continue-on-failure',
    ],
    { cwd: dir, stdio: 'inherit' },
  );
  const code = await new Promise((resolve) => fuzz.on('close', resolve));
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
  return code === 0 && unexpected.length === 0 ? 0 : 1;
}

let exit = 1;
try {
  exit = await main();
} finally {
  for (const child of children) child.kill('SIGTERM');
  rmSync(dir, { recursive: true, force: true });
}
process.exit(exit);
