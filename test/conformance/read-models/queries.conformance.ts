import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Condition, DocumentQuery } from '../../../src/platform/read-models/read-model-store.port.js';
import { collect } from '../../support/collect.js';
import { numbered } from './read-model-suite.js';
import type { ReadModelSuite, Worker } from './read-model-suite.js';

/** What queries must answer, in which order, and from which indexes. */
export function describeQueries(test: ReadModelSuite): void {
  describe('conditions', () => {
    beforeEach(async () => {
      await test.workers.putMany([
        { id: 'a', document: { status: 'running', idle: true, count: 1, checked_at: '2026-01-01T00:00:00Z' } },
        { id: 'b', document: { status: 'running', idle: false, count: 0, checked_at: '2026-01-02T00:00:00Z' } },
        { id: 'c', document: { status: 'stopped', idle: null, count: '1', checked_at: null } },
        { id: 'd', document: { status: 'ＺＺ', count: true } },
        { id: 'e', document: { status: '🐭', idle: true, count: 2.5, checked_at: '2026-01-03T00:00:00Z' } },
        { id: 'f', document: { status: null, count: null } },
      ]);
    });

    const cases: readonly [string, Record<string, Condition>, string[]][] = [
      ['a string equals itself only', { status: 'running' }, ['a', 'b']],
      ['true is not 1', { count: true }, ['d']],
      ['1 is neither true nor a string', { count: 1 }, ['a']],
      ['0 is not false', { count: 0 }, ['b']],
      ['a string of a digit is not a number', { count: '1' }, ['c']],
      ['true equals true', { idle: true }, ['a', 'e']],
      ['false is neither null nor missing', { idle: false }, ['b']],
      ['null equals null and a missing field', { idle: null }, ['c', 'd', 'f']],
      ['all conditions must hold', { status: 'running', idle: true }, ['a']],
      ['one of several strings', { status: { in: ['stopped', 'running', 'nothing'] } }, ['a', 'b', 'c']],
      ['one of several types', { count: { in: [1, '1', true, null] } }, ['a', 'c', 'd', 'f']],
      ['one of none', { status: { in: [] } }, []],
      ['null among several', { status: { in: [null, 'stopped'] } }, ['c', 'f']],
      ['less than', { count: { lt: 1 } }, ['b']],
      ['up to', { count: { lte: 1 } }, ['a', 'b']],
      ['more than, numbers only', { count: { gt: 0 } }, ['a', 'e']],
      ['from, fractions too', { count: { gte: 2.5 } }, ['e']],
      ['ranges of strings see strings only', { count: { gte: '' } }, ['c']],
      ['between', { checked_at: { gt: '2026-01-01T00:00:00Z', lte: '2026-01-03T00:00:00Z' } }, ['b', 'e']],
      ['code points, not UTF-16 units, order strings', { status: { gt: 'ＺＺ' } }, ['e']],
      ['a range and an equality', { status: 'running', checked_at: { lte: '2026-01-01T00:00:00Z' } }, ['a']],
    ];

    it.each(cases)('%s', async (_sentence, where, expected) => {
      expect(await test.ids({ where })).toEqual(expected);
      expect(await test.workers.count(where)).toBe(expected.length);
    });

    it('count everything when there is none', async () => {
      expect(await test.workers.count()).toBe(6);
      expect(await test.workers.count({})).toBe(6);
    });

    it('take values for values, whatever is in them', async () => {
      await test.workers.put('x', { status: "'); DROP TABLE workers; --" });
      expect(await test.ids({ where: { status: "'); DROP TABLE workers; --" } })).toEqual(['x']);
      expect(await test.ids({ where: { status: { in: ['"', '$gt', "'); DROP TABLE workers; --"] } } })).toEqual(['x']);
    });

    it.each(["status' OR 1=1 --", '$where', '_id', 'a.b', ''])('are refused on a field named %j', async (field) => {
      await expect(test.workers.find({ where: { [field]: 1 } })).rejects.toThrow('field name');
      await expect(test.workers.find({ orderBy: { field, direction: 'asc' } })).rejects.toThrow('field name');
    });

    it('are refused when they say nothing, which would widen the query', async () => {
      await expect(test.workers.find({ where: { status: {} } })).rejects.toThrow('empty');
    });
  });

  describe('order and pages', () => {
    const documents = [
      { id: 'p', document: { count: 2 } },
      { id: 'q', document: { count: 1 } },
      { id: 'r', document: { count: 2 } },
      { id: 's', document: { count: null } },
      { id: 't', document: {} },
      { id: 'u', document: { count: 10 } },
    ];

    beforeEach(() => test.workers.putMany(documents));

    it('is by id unless asked otherwise', async () => {
      expect(await test.ids({})).toEqual(['p', 'q', 'r', 's', 't', 'u']);
      expect(await test.ids({ limit: 2 })).toEqual(['p', 'q']);
      expect(await test.ids({ after: { id: 'p' }, limit: 2 })).toEqual(['q', 'r']);
    });

    it('is by a field, null and missing first, ties by id', async () => {
      expect(await test.ids({ orderBy: { field: 'count', direction: 'asc' } })).toEqual(['s', 't', 'q', 'p', 'r', 'u']);
      expect(await test.ids({ orderBy: { field: 'count', direction: 'desc' } })).toEqual([
        'u',
        'r',
        'p',
        'q',
        't',
        's',
      ]);
    });

    it.each(['asc', 'desc'] as const)(
      'pages %s, one entry at a time, without loss or repetition',
      async (direction) => {
        const orderBy = { field: 'count', direction };
        const whole = await test.ids({ orderBy });
        const paged: string[] = [];
        let after: DocumentQuery['after'];
        for (;;) {
          const [entry] = await test.workers.find({ orderBy, limit: 1, ...(after && { after }) });
          if (!entry) break;
          paged.push(entry.id);
          after = { id: entry.id, value: entry.document.count ?? null };
        }
        expect(paged).toEqual(whole);
      },
    );

    it('keeps the place of a page although documents before it come and go', async () => {
      const first = await test.ids({ orderBy: { field: 'count', direction: 'asc' }, limit: 3 });
      expect(first).toEqual(['s', 't', 'q']);
      await test.workers.delete('s');
      await test.workers.put('a', { count: 0 });
      const orderBy = { field: 'count', direction: 'asc' } as const;
      expect(await test.ids({ orderBy, after: { id: 'q', value: 1 } })).toEqual(['p', 'r', 'u']);
    });

    it('refuses a limit that is none', async () => {
      await expect(test.workers.find({ limit: -1 })).rejects.toThrow('limit');
      await expect(test.workers.find({ limit: 1.5 })).rejects.toThrow('limit');
    });
  });

  describe('indexes', () => {
    beforeEach(() =>
      test.workers.putMany(
        numbered(500).map((id, i) => ({
          id,
          document: {
            status: i % 5 === 0 ? 'running' : 'stopped',
            checked_at: `2026-01-01T00:${60 - (i % 60)}:00Z`,
            count: i,
          },
        })),
      ),
    );

    const indexed: readonly [string, DocumentQuery][] = [
      ['an equality on the first field', { where: { status: 'running' } }],
      ['one of several values', { where: { status: { in: ['running', 'starting'] } } }],
      ['null', { where: { status: null } }],
      ['an equality and a range', { where: { status: 'running', checked_at: { lte: '2026-01-01T00:30:00Z' } } }],
      [
        'an equality, a range and their order, with a limit',
        {
          where: { status: 'running', checked_at: { lte: '2026-01-01T00:30:00Z' } },
          orderBy: { field: 'checked_at', direction: 'asc' },
          limit: 10,
        },
      ],
      [
        'an order the other way round',
        { where: { status: 'running' }, orderBy: { field: 'checked_at', direction: 'desc' } },
      ],
    ];

    it.each(indexed)('serve %s', async (_sentence, query) => {
      expect((await test.workers.explain(query)).usesIndex).not.toBeNull();
    });

    it.each<[string, DocumentQuery]>([
      ['everything', {}],
      ['a field without an index', { where: { count: 5 } }],
      ['the second field of an index alone', { where: { checked_at: '2026-01-01T00:30:00Z' } }],
    ])('do not serve %s, and the plan says so', async (_sentence, query) => {
      expect((await test.workers.explain(query)).usesIndex).toBeNull();
    });

    it('answer what a scan would answer', async () => {
      const found = await test.workers.find({
        where: { status: 'running', checked_at: { lte: '2026-01-01T00:30:00Z' } },
        orderBy: { field: 'checked_at', direction: 'asc' },
      });
      const all = await collect(test.workers.all());
      const expected = all
        .filter(
          ({ document }) => document.status === 'running' && (document.checked_at ?? '~') <= '2026-01-01T00:30:00Z',
        )
        .map(({ id }) => id);
      expect(found.map(({ id }) => id).toSorted()).toEqual(expected);
      expect(found.map(({ document }) => document.checked_at)).toEqual(
        found.map(({ document }) => document.checked_at).toSorted(),
      );
    });

    it('that are unique refuse a second document with the same values', async () => {
      const unique = await test.store.collection<Worker>({
        name: 'unique_ones',
        indexes: [{ fields: ['status'], unique: true }],
      });
      await unique.put('a', { status: 'x' });
      await expect(unique.put('b', { status: 'x' })).rejects.toThrow();
      await unique.put('a', { status: 'x', count: 2 });
      await unique.put('b', { status: 'y' });
      expect(await unique.count()).toBe(2);
    });
  });
}
