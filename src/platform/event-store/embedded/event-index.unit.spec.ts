import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DatabaseSync } from 'node:sqlite';
import { EventIndex } from './event-index.js';
import type { IndexedEvent } from './event-index.js';
import { eventLogFormat } from './event-log-format.js';

const MERGE_AFTER = 5;

function newLog(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(eventLogFormat('00000000-0000-4000-8000-000000000000').schema);
  return database;
}

/** 32 digits that depend on a small number, so that ids meet. */
const hexOf = (n: number) => n.toString(16).padStart(2, '0').repeat(16);

/** An event to be written: the stream it goes to, and what its id is made of. */
interface Draft {
  readonly stream: string;
  readonly n: number;
}

/** Writes one transaction of events after those of `log`, as the writer does, and commits or rolls it back. */
function write(
  database: DatabaseSync,
  index: EventIndex,
  log: IndexedEvent[],
  drafts: Draft[],
  commits: boolean,
): void {
  const insert = database.prepare("INSERT INTO events VALUES (?, ?, ?, 'T', 0, ?, '{}', '{}')");
  const written = [...log];
  database.exec('BEGIN');
  for (const { stream, n } of drafts) {
    const revision = written.filter((event) => event.stream === stream).length;
    const event = { stream, revision, idHex: hexOf(n), position: written.length + 1 };
    insert.run(event.position, stream, revision, Buffer.from(event.idHex, 'hex'));
    index.note(event);
    written.push(event);
  }
  const afterCommit = index.mergeWhenDue(written.length);
  database.exec(commits ? 'COMMIT' : 'ROLLBACK');
  if (commits) {
    afterCommit?.();
    log.splice(0, log.length, ...written);
  } else {
    index.forgetAfter(log.length);
  }
}

function expectToKnow(index: EventIndex, log: readonly IndexedEvent[]): void {
  for (let n = 0; n < 12; n++) {
    const positions = log.filter(({ idHex }) => idHex === hexOf(n)).map(({ position }) => position);
    expect(index.positionsOf(hexOf(n))).toEqual(positions);
  }
  for (const stream of ['a', 'b', 'c']) {
    const events = log.filter((event) => event.stream === stream);
    expect(index.headOf(stream)).toBe(events.length - 1);
    for (const { revision, position } of events) expect(index.positionAt(stream, revision)).toBe(position);
    expect(index.positionAt(stream, events.length)).toBeUndefined();
  }
}

describe('the index of events', () => {
  it('knows streams and ids, whatever was merged, rolled back or opened again', () => {
    const draft = fc.record({ stream: fc.constantFrom('a', 'b', 'c'), n: fc.integer({ min: 0, max: 11 }) });
    const step = fc.record({
      drafts: fc.array(draft, { minLength: 1, maxLength: 4 }),
      commits: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      reopens: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    });
    const property = fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const database = newLog();
      let index = new EventIndex(database, MERGE_AFTER);
      const log: IndexedEvent[] = [];
      for (const { drafts, commits, reopens } of steps) {
        write(database, index, log, drafts, commits);
        if (reopens) index = new EventIndex(database, MERGE_AFTER);
        expectToKnow(index, log);
      }
      database.close();
    });
    fc.assert(property);
  });

  it('is merged into the file in bulk, and only then', () => {
    const database = newLog();
    const index = new EventIndex(database, MERGE_AFTER);
    const log: IndexedEvent[] = [];
    const drafts = (...numbers: number[]) => numbers.map((n) => ({ stream: n % 2 ? 'odd' : 'even', n }));
    const rows = (table: string) => database.prepare(`SELECT count(*) AS count FROM ${table}`).get();

    write(database, index, log, drafts(1, 2, 3, 4), true);
    expect([rows('event_ids'), rows('stream_events')]).toEqual([{ count: 0 }, { count: 0 }]);
    write(database, index, log, drafts(5, 6), true);

    expect([rows('event_ids'), rows('stream_events')]).toEqual([{ count: 6 }, { count: 6 }]);
    expect(database.prepare("SELECT value FROM meta WHERE key = 'indexed_to'").get()).toEqual({ value: '6' });
    expect(index.recentOf('odd')).toBeUndefined();
    database.close();
  });
});
