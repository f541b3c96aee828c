import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../crash/crash-world.js';
import { ROOT } from '../e2e/compiled-program.js';
import { blocksOf, subscribingDocument } from './document.js';
import { AVAILABLE, SnippetFolder } from './snippet.js';
import type { Snippet } from './snippet.js';
import { lineOf, SnippetsWorld } from './snippets-world.js';

/** The examples of docs/subscribing.md, taken out of it and run as they stand. */
const blocks = blocksOf(subscribingDocument());

interface Follower {
  readonly name: string;
  /** What its lines tell of. */
  readonly kind: 'published' | 'stored';
  readonly isAvailable: boolean;
  /** False: where it is kept is not its own affair, and after a kill more than the last may come again. */
  readonly keepsPosition: boolean;
}

const FOLLOWERS: readonly Follower[] = [
  { name: 'feed-pull.sh', kind: 'published', isAvailable: AVAILABLE.sh, keepsPosition: true },
  { name: 'feed-pull.ts', kind: 'published', isAvailable: AVAILABLE.ts, keepsPosition: true },
  { name: 'feed-pull.py', kind: 'published', isAvailable: AVAILABLE.py, keepsPosition: true },
  { name: 'feed-stream.sh', kind: 'published', isAvailable: AVAILABLE.sh, keepsPosition: true },
  { name: 'feed-stream.ts', kind: 'published', isAvailable: AVAILABLE.ts, keepsPosition: true },
  { name: 'feed-stream.py', kind: 'published', isAvailable: AVAILABLE.py, keepsPosition: true },
  { name: 'eventstoredb-catch-up.ts', kind: 'stored', isAvailable: AVAILABLE.ts, keepsPosition: true },
  { name: 'eventstoredb-catch-up.py', kind: 'stored', isAvailable: AVAILABLE.pyWithPackages, keepsPosition: true },
  { name: 'eventstoredb-persistent.ts', kind: 'stored', isAvailable: AVAILABLE.ts, keepsPosition: false },
  { name: 'eventstoredb-persistent.py', kind: 'stored', isAvailable: AVAILABLE.pyWithPackages, keepsPosition: false },
];

const RECEIVERS = [
  { name: 'push-receiver.ts', isAvailable: AVAILABLE.sh },
  { name: 'push-receiver.py', isAvailable: AVAILABLE.sh && AVAILABLE.py },
] as const;

const SUBSCRIBE = 'push-subscribe.sh';

const folder = new SnippetFolder(blocks);
const running: Snippet[] = [];
let world: SnippetsWorld;

beforeAll(async () => {
  world = await SnippetsWorld.open();
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((snippet) => snippet.kill()));
});

afterAll(async () => {
  folder.remove();
  await world.close();
});

function start(name: string, environment: Readonly<Record<string, string>>): Snippet {
  const snippet = folder.start(name, {
    DORMOUSE_URL: world.url,
    EVENTSTORE_CONNECTION_STRING: world.connectionString,
    ...environment,
  });
  running.push(snippet);
  return snippet;
}

describe('docs/subscribing.md', () => {
  it('says of every block how it is run, or why it is not', () => {
    const silent = blocks.filter(({ name, whyNot }) => (name === undefined) === (whyNot === undefined));
    expect(silent.map(({ line, language }) => `line ${line}: ${language}`)).toEqual([]);
  });

  it('has the blocks that are run here, each once, and no others', () => {
    const here = [...FOLLOWERS, ...RECEIVERS].map(({ name }) => name).concat(SUBSCRIBE);
    expect(blocks.flatMap(({ name }) => name ?? []).sort()).toEqual(here.sort());
  });

  it('shows an event as it is published: the committed sample of its type', () => {
    const [shown] = blocks.filter(({ language }) => language === 'json').map(({ code }) => JSON.parse(code) as object);
    const sample = join(ROOT, 'src/workers/contracts/published/dormouse.cml_worker.paused.v1.json');
    expect(JSON.parse(readFileSync(sample, 'utf8'))).toMatchObject({ example: shown });
  });

  it('has TypeScript that a strict compiler takes', () => {
    const files = blocks.flatMap(({ name }) => (name?.endsWith('.ts') ? [folder.file(name)] : []));
    const options = ['--noEmit', '--strict', '--noUncheckedIndexedAccess', '--skipLibCheck', '--ignoreConfig'];
    const target = ['--target', 'es2024', '--module', 'nodenext', '--types', 'node', '--erasableSyntaxOnly'];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    let told = '';
    try {
      execFileSync(process.execPath, [tsc, ...options, ...target, ...files], { cwd: ROOT, encoding: 'utf8' });
    } catch (error) {
      told = (error as { stdout?: string }).stdout || String(error);
    }
    expect(told).toBe('');
  });
});

describe.each(FOLLOWERS)('$name', ({ name, kind, isAvailable, keepsPosition }) => {
  (isAvailable ? it : it.skip)(
    'tells of what happened before it and what happens now, through restarts of the service and the store, and goes on after a SIGKILL',
    async () => {
      const environment = { POSITION_FILE: folder.file(`${name}.position`), GROUP: `snippets-${randomUUID()}` };
      const worker = await world.newWorker();
      const before = await worker.pause();

      const first = start(name, environment);
      await first.printed(lineOf(before, kind));
      const live = await worker.resume();
      await first.printed(lineOf(live, kind));
      await (kind === 'stored' ? world.restartEventStore() : world.restartService());
      const afterRestart = await worker.pause();
      await first.printed(lineOf(afterRestart, kind));
      await first.kill();

      const whileAway = await worker.resume();
      const second = start(name, environment);
      await second.printed(lineOf(whileAway, kind));
      const last = await worker.pause();
      await second.printed(lineOf(last, kind));
      if (!keepsPosition) return;
      const repeated = second.lines.filter((line) => [before, live].some(({ id }) => line.startsWith(id)));
      expect(repeated).toEqual([]);
    },
  );
});

describe.each(RECEIVERS)(`$name, subscribed by ${SUBSCRIBE}`, ({ name, isAvailable }) => {
  (isAvailable ? it : it.skip)(
    'takes what is signed, once, refuses what is not, and goes on after a SIGKILL',
    async () => {
      const port = await freePort();
      const receiverUrl = `http://127.0.0.1:${port}/dormouse`;
      const worker = await world.newWorker();
      const before = await worker.pause();
      const subscribed = await start(SUBSCRIBE, { RECEIVER_URL: receiverUrl }).finished();
      const { secret } = JSON.parse(subscribed) as { secret: string };
      const environment = { WEBHOOK_SECRET: secret, PORT: String(port), INBOX_FILE: folder.file(`${name}.sqlite`) };

      const first = start(name, environment);
      await first.printed(lineOf(before, 'published'));
      const unsigned = await fetch(receiverUrl, { method: 'POST', body: '{}' });
      expect(unsigned.status).toBe(401);
      const live = await worker.resume();
      await first.printed(lineOf(live, 'published'));
      await first.kill();

      const whileAway = await worker.pause();
      const second = start(name, environment);
      await second.printed(lineOf(whileAway, 'published'));
      const printed = [...first.lines, ...second.lines].filter((line) => line.startsWith(before.id));
      expect(printed).toHaveLength(1);
    },
  );
});
