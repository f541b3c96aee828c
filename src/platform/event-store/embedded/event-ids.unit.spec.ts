import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DatabaseSync } from 'node:sqlite';
import { EventIds } from './event-ids.js';
import { eventLogFormat } from './event-log-format.js';

const MERGE_AFTER = 5;

function newLog(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(eventLogFormat('00000000-0000-4000-8000-000000000000').schema);
  return database;
}

/** 32 digits that depend on a small number, so that ids meet. */
const hexOf = (n: number) => n.toString(16).padStart(2, '0').repeat(16);

/** Writes one transaction of events with these ids, as the writer does, and commits or rolls it back. */
function write(database: DatabaseSync, ids: EventIds, numbers: number[], commits: boolean): void {
  const row = database.prepare('SELECT coalesce(max(position), 0) AS head FROM events').get();
  const head = Number(row?.['head']);
  const insert = database.prepare("INSERT INTO events VALUES (?, 's', ?, 't', 0, ?, '{}', '{}')");
  database.exec('BEGIN');
  numbers.forEach((n, index) => {
    insert.run(head + 1 + index, head + index, Buffer.from(hexOf(n), 'hex'));
    ids.note(hexOf(n), head + 1 + index);
  });
  const afterCommit = ids.mergeWhenDue(head + numbers.length);
  database.exec(commits ? 'COMMIT' : 'ROLLBACK');
  if (commits) afterCommit?.();
  else ids.forgetAfter(head);
}

describe('the ids of events', () => {
  it('are found where the events are, whatever was merged, rolled back or opened again', () => {
    const id = fc.integer({ min: 0, max: 11 });
    const step = fc.record({
      numbers: fc.array(id, { minLength: 1, maxLength: 4 }),
      commits: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      reopens: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    });
    const property = fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const database = newLog();
      let ids = new EventIds(database, MERGE_AFTER);
      const log: number[] = [];
      for (const { numbers, commits, reopens } of steps) {
        write(database, ids, numbers, commits);
        if (commits) log.push(...numbers);
        if (reopens) ids = new EventIds(database, MERGE_AFTER);
        for (let n = 0; n < 12; n++) {
          const positions = log.flatMap((logged, index) => (logged === n ? [index + 1] : []));
          expect(ids.positionsOf(hexOf(n))).toEqual(positions);
        }
      }
      database.close();
    });
    fc.assert(property);
  });

  it('are merged into the index in bulk, and only then', () => {
    const database = newLog();
    const ids = new EventIds(database, MERGE_AFTER);
    const indexed = () => database.prepare('SELECT count(*) AS count FROM event_ids').get();

    write(database, ids, [1, 2, 3, 4], true);
    expect(indexed()).toEqual({ count: 0 });
    write(database, ids, [5, 6], true);

    expect(indexed()).toEqual({ count: 6 });
    expect(database.prepare("SELECT value FROM meta WHERE key = 'indexed_to'").get()).toEqual({ value: '6' });
    database.close();
  });
});
