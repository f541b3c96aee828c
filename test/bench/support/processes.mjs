import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent } from 'undici';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const running = new Set();

export const REGION = 'eu-west-1';
export const ACCOUNT = { username: 'dormouse', password: 'benchmark' };

/** What the service needs to be told of a lab. @param {{ ec2Url?: string }} lab */
export function environmentFor({ ec2Url = 'http://127.0.0.1:9' } = {}, more = {}) {
  return {
    PATH: process.env.PATH,
    AWS_ACCESS_KEY_ID: 'benchmark',
    AWS_SECRET_ACCESS_KEY: 'benchmark',
    AWS_ENDPOINT_URL_EC2: ec2Url,
    CML_USERNAME: ACCOUNT.username,
    CML_PASSWORD: ACCOUNT.password,
    PORT: '0',
    ...more,
  };
}

/** A lab in a child process; see lab.child.mjs. @param {{ telemetryEvents: number, instances: number }} what */
export async function startLab(what) {
  const child = fork(fileURLToPath(new URL('lab.child.mjs', import.meta.url)));
  running.add(child);
  const ask = async (message) => {
    const answer = once(child, 'message');
    child.send(message);
    const [said] = await Promise.race([answer, failure(child, 'The lab')]);
    return said;
  };
  const urls = await ask({ ...what, region: REGION, account: ACCOUNT });
  return { ...urls, use: (count) => ask({ use: count }), stop: () => end(child) };
}

/**
 * The service as `npm start` runs it, in a child process.
 *
 * @param {NodeJS.ProcessEnv} environment
 */
export async function startService(environment) {
  const child = spawn(process.execPath, startArguments(), {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const url = await Promise.race([listeningUrl(child), failure(child, 'The service')]);
  return { child, url, stop: () => end(child) };
}

/**
 * A program of the benchmarks under the Node options of `npm start`, such as those that keep the heap small: so that what
 * it measures is to be compared with what the service does. Its standard output is a number.
 *
 * @param {string} program URL of the module.
 * @param {readonly (string | number)[]} given
 */
export async function measuredLikeService(program, given) {
  const options = startArguments().filter((word) => word.startsWith('--'));
  const child = spawn(process.execPath, [...options, fileURLToPath(program), ...given.map(String)], {
    cwd: root,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const ended = once(child, 'exit');
  let said = '';
  for await (const chunk of child.stdout) said += chunk;
  const [code] = await ended;
  running.delete(child);
  const value = Number(said);
  if (code !== 0 || !(value > 0)) throw new Error(`${program} ended with ${code} and said '${said}'.`);
  return value;
}

/** Ends whatever is still running. */
export async function stopAll() {
  await Promise.all([...running].map(end));
}

/** What follows `node` in the last command of package.json's start script. */
function startArguments() {
  const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const words = scripts.start.split(/\s+/);
  return words.slice(words.lastIndexOf('node') + 1);
}

async function listeningUrl(child) {
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      if (line.includes('"service.listening"')) resolve(JSON.parse(line).url);
    });
  });
}

async function failure(child, what) {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`${what} ended (${signal ?? code}).`);
}

async function end(child) {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exit;
  clearTimeout(patience);
}

/** A client of one service: JSON in, JSON out; an answer that is an error throws. @param {string} origin */
export function clientOf(origin) {
  const agent = new Agent({ connections: 8, headersTimeout: 0, bodyTimeout: 0 });
  const request = async (method, path, body) => {
    const response = await agent.request({
      origin,
      path,
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  return {
    get: (path) => request('GET', path),
    post: (path, body) => request('POST', path, body),
    close: () => agent.close(),
  };
}

/** Waits until `/health/ready` is 200. @param {string} origin */
export async function untilReady(origin) {
  for (;;) {
    const response = await fetch(`${origin}/health/ready`);
    await response.arrayBuffer();
    if (response.ok) return;
    await delay(5);
  }
}

/**
 * Memory of a process, MB (Linux).
 *
 * @param {number} pid
 * @param {'VmRSS' | 'VmHWM'} which Now, or the most it ever had.
 */
export function memoryOf(pid, which) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status does not tell ${which}.`);
  return (Number(kib) * 1024) / 1_000_000;
}
