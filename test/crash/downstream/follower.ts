/**
 * A service downstream, as a process of its own that can be killed at any instant: `node follower.ts stream|pull|webhook`.
 * It keeps what it got, one line of JSON for each receipt, in `receipts.ndjson` of FOLDER, and after that its position in
 * `position`. It imports nothing of the project's: it is what docs/subscribing.md tells others to write.
 *
 * Environment: DORMOUSE_URL; FOLDER; DIE_AT and DIE_AFTER: it kills itself when it gets to that point for the so-manieth
 * time; for `webhook` PORT and WEBHOOK_SECRET.
 */
import { existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { Webhook } from 'standardwebhooks';

interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly streamrevision: number;
  readonly position: string;
}

const url = process.env['DORMOUSE_URL'] ?? '';
const folder = process.env['FOLDER'] ?? '';
const positionFile = join(folder, 'position');
const receipts = openSync(join(folder, 'receipts.ndjson'), 'a');
let toCome = Number(process.env['DIE_AFTER'] ?? 0);

/** Where it is: it may have to die here. */
function at(point: 'received' | 'written' | 'kept'): void {
  if (process.env['DIE_AT'] === point && --toCome === 0) process.kill(process.pid, 'SIGKILL');
}

function write({ id, type, subject, streamrevision }: CloudEvent): void {
  at('received');
  writeSync(receipts, `${JSON.stringify({ id, type, subject, streamrevision })}\n`);
  fsyncSync(receipts);
  at('written');
}

function keep(position: string): void {
  writeFileSync(`${positionFile}.new`, position);
  renameSync(`${positionFile}.new`, positionFile);
  at('kept');
}

function kept(): string {
  return existsSync(positionFile) ? readFileSync(positionFile, 'utf8') : 'beginning';
}

/** Nothing helps against these: the process ends, and the test says so. */
function isHopeless(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500;
}

/** After so many events a connection is given up and made anew, as if it had been lost. */
const EVENTS_OF_A_CONNECTION = 15;

function stream(): void {
  let left = EVENTS_OF_A_CONNECTION;
  const query = new URLSearchParams({ after: kept() }).toString();
  const source = new EventSource(`${url}/events/stream?${query}`);
  source.onmessage = ({ data, lastEventId }) => {
    write(JSON.parse(String(data)) as CloudEvent);
    keep(lastEventId);
    if (--left > 0) return;
    source.close();
    stream();
  };
  source.onerror = ({ code, message }) => {
    if (isHopeless(code)) throw new Error(`${code}: ${message}`);
    if (source.readyState === EventSource.CLOSED) setTimeout(stream, 100);
  };
}

async function pull(): Promise<never> {
  for (;;) {
    try {
      const query = new URLSearchParams({ after: kept(), limit: '20', wait: '5' }).toString();
      const answer = await fetch(`${url}/events?${query}`, { signal: AbortSignal.timeout(15_000) });
      if (isHopeless(answer.status)) process.exit(1);
      const page = (await answer.json()) as { events?: CloudEvent[]; position: string };
      if (!page.events) throw new Error(JSON.stringify(page));
      for (const event of page.events) write(event);
      keep(page.position);
    } catch (error) {
      console.error(error);
      await delay(100);
    }
  }
}

function webhook(): void {
  const verifier = new Webhook(process.env['WEBHOOK_SECRET'] ?? '');
  const take = async (request: IncomingMessage): Promise<void> => {
    const body = await buffer(request);
    write(verifier.verify(body, request.headers as Record<string, string>) as CloudEvent);
  };
  const server = createServer((request, response) => {
    take(request).then(
      () => response.writeHead(204).end(() => at('kept')),
      (error: unknown) => {
        console.error(error);
        response.writeHead(400).end();
      },
    );
  });
  server.listen(Number(process.env['PORT']), '127.0.0.1');
}

switch (process.argv[2]) {
  case 'stream':
    stream();
    // While it waits for its next attempt, EventSource does not keep a process alive that has nothing else to do.
    setInterval(() => undefined, 60_000);
    break;
  case 'pull':
    await pull();
    break;
  case 'webhook':
    webhook();
    break;
  default:
    console.error('stream, pull or webhook is accepted');
    process.exit(2);
}
