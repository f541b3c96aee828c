import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent } from 'undici';
import { SystemClock } from '../../../dist/platform/clock.js';
import { EmbeddedEventStore } from '../../../dist/platform/event-store/embedded/embedded-event-store.js';
import {
  inTurns,
  limitRow,
  perSecond,
  ratioRow,
  showKilobytes,
  showMilliseconds,
  showPerSecond,
} from '../support/measure.mjs';
import {
  clientOf,
  environmentFor,
  measuredLikeService,
  memoryOf,
  REGION,
  startService,
  untilReady,
} from '../support/processes.mjs';
import { clearScratch, scratchDirectory } from '../support/scratch.mjs';
import { workerId, writeLives } from '../support/worker-histories.mjs';

const CLIENTS = 1_000;
const EVENTS_PER_SECOND = 100;
const SECONDS = 30;
const WARM_UP_SECONDS = 3;
const WORKERS = 200;
/** What the service has left behind is collected by then. */
const IDLE_MS = 20_000;
const PAGED_EVENTS = 1_000_000;
const PAGE = 1_000;
const ROUNDS = 3;
const READ_ALL = new URL('../support/read-all.child.mjs', import.meta.url);

export const baselines = [
  'feed, append to the last client: 100 commands a second that write one event each, over HTTP; from the time that the event was decided, which is before it is appended, until the last of 1,000 clients of GET /events/stream has it; service and clients are a process each. Beside it the median',
  'feed, memory per client: by how much the resident memory (VmRSS) of the service grows with 1,000 idle clients, each time after 20 quiet seconds, divided by 1,000',
  'feed, paging: GET /events?limit=1000 from the beginning to the end, each page asked for when the one before has been read; beside it EventStore.readAll of the embedded store with the same limit over the same events, in a process with the Node options of npm start, as the service has them',
];

/**
 * Many who follow what happens, and one who reads it all.
 *
 * @param {{ seconds?: number }} [options] How long events come; given, the history that is paged through is short, too.
 */
export async function run({ seconds } = {}) {
  return [
    ...(await streams(seconds ?? SECONDS)),
    ...(await paging(seconds === undefined ? PAGED_EVENTS : PAGED_EVENTS / 10)),
  ];
}

async function streams(seconds) {
  const directory = scratchDirectory('feed');
  await writeHistory(directory, WORKERS, 2);
  const service = await startService(environmentFor({}, { DATA_DIR: directory }));
  const clients = fork(fileURLToPath(new URL('../support/feed-clients.child.mjs', import.meta.url)));
  try {
    await untilReady(service.url);
    await commands(service.url, WARM_UP_SECONDS);
    await delay(IDLE_MS);
    const before = memoryOf(service.child.pid, 'VmRSS');
    await tell(clients, { open: CLIENTS, url: service.url });
    // A request, so that the service collects what the opening has left behind.
    await commands(service.url, 0.01);
    await delay(IDLE_MS);
    const each = ((memoryOf(service.child.pid, 'VmRSS') - before) * 1_000) / CLIENTS;
    const [{ late }] = await Promise.all([
      tell(clients, { events: 1 + seconds * EVENTS_PER_SECOND }),
      commands(service.url, seconds),
    ]);
    const sorted = late.slice(1).sort((a, b) => a - b);
    const name = `feed: append to the last of 1,000 SSE clients, 100 events/s for ${seconds} s, p99`;
    return [
      limitRow(name, percentile(sorted, 99), showMilliseconds, { most: 250, baseline: percentile(sorted, 50) }),
      limitRow('... longest', percentile(sorted, 100), showMilliseconds),
      limitRow('feed: memory per idle SSE client', each, showKilobytes, { most: 50 }),
    ];
  } finally {
    clients.disconnect();
    await service.stop();
    clearScratch(directory);
  }
}

/** Switches the idle detection of the workers in turns, so many times a second. */
async function commands(url, seconds) {
  const client = clientOf(url);
  const count = Math.round(seconds * EVENTS_PER_SECOND);
  const begun = performance.now();
  const sent = [];
  while (sent.length < count) {
    const due = Math.min(count, 1 + Math.floor(((performance.now() - begun) * EVENTS_PER_SECOND) / 1_000));
    while (sent.length < due) sent.push(client.post(nextCommand()));
    await delay(2);
  }
  await Promise.all(sent);
  await client.close();
}

let given = 0;
function nextCommand() {
  const index = given % WORKERS;
  const verb = Math.floor(given++ / WORKERS) % 2 === 0 ? 'disable' : 'enable';
  return `/region/${REGION}/workers/${workerId(index)}/idle-detection/${verb}`;
}

async function tell(child, message) {
  child.send(message);
  const [answer] = await once(child, 'message');
  if (answer.lost !== undefined) throw new Error(`A client was lost: ${answer.lost}.`);
  return answer;
}

async function paging(count) {
  const directory = scratchDirectory('feed-paging');
  await writeHistory(directory, WORKERS, count / WORKERS);
  const environment = environmentFor({}, { DATA_DIR: directory });
  const measured = await inTurns({
    subject: async () => {
      const service = await startService(environment);
      await untilReady(service.url);
      try {
        return await perSecond(count, () => pageThrough(service.url, count));
      } finally {
        await service.stop();
      }
    },
    baseline: () => measuredLikeService(READ_ALL, [directory, count, PAGE]),
    rounds: ROUNDS,
  });
  clearScratch(directory);
  const name = `feed: paging through ${count.toLocaleString('en')} events`;
  return [ratioRow(name, measured, showPerSecond, { least: 0.5 })];
}

async function pageThrough(url, count) {
  const agent = new Agent({ connections: 1 });
  let got = 0;
  for (let after = 'beginning'; ;) {
    const { body } = await agent.request({ origin: url, path: `/events?limit=${PAGE}&after=${after}`, method: 'GET' });
    const page = await body.bytes();
    // What follows the events; parsing them is the clients' business.
    const [, position, live] = /"position":"([^"]+)","live":(true|false)\}$/.exec(textOf(page.subarray(-200))) ?? [];
    if (position === undefined) throw new Error(`This is no page: ${textOf(page.subarray(0, 200))}`);
    after = position;
    got += live === 'true' ? JSON.parse(textOf(page)).events.length : PAGE;
    if (live === 'true') break;
  }
  await agent.close();
  if (got !== count) throw new Error(`The feed has ${got} events instead of ${count}.`);
}

function textOf(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

async function writeHistory(directory, workers, eventsEach) {
  const events = EmbeddedEventStore.open(join(directory, 'events.sqlite'), { clock: new SystemClock() });
  await writeLives(events, workers, eventsEach);
  await events.close();
}

/** @param {readonly number[]} sorted */
function percentile(sorted, percent) {
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * percent) / 100) - 1)];
}
