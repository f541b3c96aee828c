import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  MongoBulkWriteError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from 'mongodb';
import type { BulkWriteResult, TopologyDescription } from 'mongodb';
import { CHUNK, fenced, positioned, replacement, writeAll } from './guarded-writes.js';
import type { StoredCollection, StoredWrite } from './guarded-writes.js';

const ID_CONFLICT = 'E11000 duplicate key error collection: d.c index: _id_ dup key: { _id: "x" }';

/** A collection whose bulk writes come out as told, in order; then well. */
class ScriptedCollection {
  readonly calls: StoredWrite[][] = [];

  constructor(private readonly outcomes: (Error | Promise<void>)[]) {}

  /** What `writeAll` sees: it calls nothing but `bulkWrite`. */
  get collection(): StoredCollection {
    return this as unknown as StoredCollection;
  }

  bulkWrite(writes: StoredWrite[], options: object): Promise<void> {
    expect(options).toEqual({ ordered: false });
    this.calls.push(writes);
    const outcome = this.outcomes.shift();
    return outcome instanceof Error ? Promise.reject(outcome) : (outcome ?? Promise.resolve());
  }
}

/** As the driver throws it for an unordered bulk some of whose writes failed. */
function bulkError(
  indexes: readonly number[],
  code = 11000,
  errmsg = ID_CONFLICT,
  concern?: object,
): MongoBulkWriteError {
  // The driver's result, as far as its error looks into it.
  const result = { getWriteConcernError: () => concern } as unknown as BulkWriteResult;
  const error = new MongoBulkWriteError({ message: errmsg, code, writeErrors: [] }, result);
  error.writeErrors = indexes.map((index) => ({ index, code, errmsg })) as unknown as typeof error.writeErrors;
  return error;
}

const writes = (count: number) => Array.from({ length: count }, (_, i) => replacement(`w${i}`, { i }));

describe('Guarded writes', () => {
  it('go a thousand to a call', async () => {
    const scripted = new ScriptedCollection([]);
    expect(await writeAll(scripted.collection, writes(2 * CHUNK + 1))).toBe(0);
    expect(scripted.calls.map(({ length }) => length)).toEqual([CHUNK, CHUNK, 1]);
  });

  it('go in two calls side by side, unless they are few', async () => {
    const scripted = new ScriptedCollection([]);
    await writeAll(scripted.collection, writes(20));
    await writeAll(scripted.collection, writes(8));
    expect(scripted.calls.map(({ length }) => length)).toEqual([10, 10, 8]);
  });

  it('have all ended when one call has failed', async () => {
    const error = new MongoNetworkError('read ECONNRESET');
    const slow = Promise.withResolvers<void>();
    const collection = new ScriptedCollection([error, slow.promise]);
    let hasEnded = false;
    const writing = writeAll(collection.collection, writes(20)).finally(() => (hasEnded = true));
    await nextTurn();
    expect(hasEnded).toBe(false);
    slow.resolve();
    await expect(writing).rejects.toBe(error);
  });

  it('that meet a duplicate id are tried once more, they alone, and are made when it was a race', async () => {
    const scripted = new ScriptedCollection([bulkError([1, 3])]);
    const all = writes(5);
    expect(await writeAll(scripted.collection, all)).toBe(0);
    expect(scripted.calls).toEqual([all, [all[1], all[3]]]);
  });

  it('that meet it again are left undone by their guards, and counted', async () => {
    const scripted = new ScriptedCollection([bulkError([1, 3]), bulkError([0])]);
    expect(await writeAll(scripted.collection, writes(5))).toBe(1);
    expect(scripted.calls).toHaveLength(2);
  });

  it.each<[string, Error]>([
    ['a primary that steps down', labelled(new MongoServerError({ code: 10107, errmsg: 'not primary' }))],
    ['a connection that breaks', labelled(new MongoNetworkError('read ECONNRESET'))],
    ['no primary', new MongoServerSelectionError('no primary', {} as TopologyDescription)],
    [
      'no confirmation by a majority',
      new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'timeout' } }),
    ],
    ['conflicts and no confirmation by a majority', bulkError([1], 11000, ID_CONFLICT, { code: 64 })],
    ['a write refused for another reason', bulkError([1], 13, 'not authorized')],
    ['a violated index', bulkError([1], 11000, 'E11000 duplicate key error index: ux_name dup key: { d.name: "x" }')],
  ])('do not take %s for done', async (_what, error) => {
    await expect(writeAll(new ScriptedCollection([error]).collection, writes(3))).rejects.toBe(error);
    const onRetry = new ScriptedCollection([bulkError([1]), error]);
    await expect(writeAll(onRetry.collection, writes(3))).rejects.toBe(error);
  });

  it('are not sent any more once the permit is over', async () => {
    const scripted = new ScriptedCollection([]);
    const over = { fence: { lease: 'l', token: 3 }, until: new Date(0), certainUntil: performance.now() };
    expect(await writeAll(scripted.collection, writes(5), over)).toBe(5);
    expect(scripted.calls).toEqual([]);
  });

  it('of a projection replace what is at a lower position, or at none', () => {
    expect(positioned('w1', { a: 1 }, 7)).toEqual({
      replaceOne: {
        filter: { _id: 'w1', _position: { $not: { $gte: 7 } } },
        replacement: { _position: 7, d: { a: 1 } },
        upsert: true,
      },
    });
  });

  it('under a permit carry its end in the update: MongoDB takes no $expr in the filter of an upsert', () => {
    const until = new Date(1_000);
    const permit = { fence: { lease: 'l', token: 3 }, until, certainUntil: 0 };
    const write = fenced('w1', { a: 1 }, permit);
    expect(JSON.stringify(write)).not.toContain('$expr');
    expect(write).toMatchObject({
      updateOne: {
        update: [
          {
            $replaceWith: {
              $cond: [
                { $lt: ['$$NOW', until] },
                { $literal: { _id: 'w1', _fence: { lease: 'l', token: 3 }, d: { a: 1 } } },
                '$$ROOT',
              ],
            },
          },
        ],
      },
    });
  });
});

function labelled<E extends MongoServerError | MongoNetworkError>(error: E): E {
  error.addErrorLabel('RetryableWriteError');
  return error;
}
