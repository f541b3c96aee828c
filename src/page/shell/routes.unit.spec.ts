import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sorted, sortingOf, sortingText } from '../parts/sorting.js';
import { nameProblem } from './identity.js';
import { paths, routeOf } from './routes.js';

describe('Addresses', () => {
  it('name the views', () => {
    const views = ['', '#', '#/', '#/workers', '#/coaching', '#/jobs', '#/nothing', '#/workers/us-east-1', '#/jobs/x'];
    expect(views.map((hash) => routeOf(hash).view)).toEqual([
      'workers',
      'workers',
      'workers',
      'workers',
      'coaching',
      'jobs',
      'unknown',
      'unknown',
      'unknown',
    ]);
    expect(routeOf('#/workers?q=a%20b&sort=-name')).toMatchObject({ view: 'workers' });
  });

  it('lead back to the worker that they were made of, whatever its names', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), fc.uuid(), (aws_region, worker_id) => {
        expect(routeOf(paths.worker({ aws_region, worker_id }))).toEqual({ view: 'worker', aws_region, worker_id });
      }),
    );
  });

  it('that were cut or bent lead nowhere, and break nothing', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(() => routeOf(`#/${text}`)).not.toThrow()));
    expect(routeOf('#/workers/%E0%A4%A/x').view).toBe('worker');
  });
});

describe('A table’s order', () => {
  const columns = [
    { key: 'name', sortValue: ({ name }: Row) => name },
    { key: 'size', sortValue: ({ size }: Row) => size },
  ];
  interface Row {
    readonly name: string;
    readonly size: number | null;
  }
  const rows: readonly Row[] = [
    { name: 'w10', size: 1 },
    { name: 'w9', size: null },
    { name: 'w2', size: 3 },
    { name: 'w1', size: 1 },
  ];
  const names = (by: string, descending: boolean) => sorted(rows, columns, { by, descending }).map(({ name }) => name);

  it('is that of people for numbers in names', () => {
    expect(names('name', false)).toEqual(['w1', 'w2', 'w9', 'w10']);
    expect(names('name', true)).toEqual(['w10', 'w9', 'w2', 'w1']);
  });

  it('has what is unknown last either way, and equal ones by the first column', () => {
    expect(names('size', false)).toEqual(['w1', 'w10', 'w2', 'w9']);
    expect(names('size', true)).toEqual(['w2', 'w1', 'w10', 'w9']);
  });

  it('is kept in an address, and is the usual one when that says nonsense', () => {
    const usual = { by: 'name', descending: false };
    const again = (sorting: typeof usual) => sortingOf(sortingText(sorting), ['name', 'size'], usual);
    expect(again({ by: 'size', descending: true })).toEqual({ by: 'size', descending: true });
    expect([
      sortingOf(null, ['name'], usual),
      sortingOf('-', ['name'], usual),
      sortingOf('x', ['name'], usual),
    ]).toEqual([usual, usual, usual]);
  });
});

describe('Who somebody is', () => {
  it('is what the service takes as a name', () => {
    expect(['ada', 'ada@example.com', 'a'.repeat(200)].map(nameProblem)).toEqual([null, null, null]);
    expect(nameProblem('')).toBe('Say who you are.');
    for (const name of ['ada lovelace', 'æda', 'a'.repeat(201)]) expect(nameProblem(name)).toMatch(/without spaces/);
  });
});
