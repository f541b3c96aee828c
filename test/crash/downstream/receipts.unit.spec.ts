import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { wrongWith } from './receipts.js';
import type { Published, Receipt } from './receipts.js';

const HISTORY: readonly Published[] = [
  { id: 'a0', stream: 'cmlWorker-a', revision: 0 },
  { id: 'b0', stream: 'coachingSession-b', revision: 0 },
  { id: 'a1', stream: 'cmlWorker-a', revision: 1 },
  { id: 'a2', stream: 'cmlWorker-a', revision: 2 },
];

const SUBJECTS: Readonly<Record<string, string>> = { a: 'cml_worker/a', b: 'coaching_session/b' };

function receipt(id: string): Receipt {
  const [name = '', revision] = id;
  return { id, type: 'whatever', subject: SUBJECTS[name] ?? '', streamrevision: Number(revision) };
}

function wrong(ids: readonly string[]): string[] {
  return wrongWith('one', ids.map(receipt), HISTORY);
}

describe('What a follower got', () => {
  it('is right when everything came, in the order of each aggregate', () => {
    expect(wrong(['a0', 'b0', 'a1', 'a2'])).toEqual([]);
    expect(wrong(['a0', 'a1', 'a2', 'b0'])).toEqual([]);
  });

  it('is right when something comes again, from wherever', () => {
    const again = fc.array(fc.nat(3), { maxLength: 20 });
    fc.assert(
      fc.property(again, (starts) => {
        // Each start goes on at or before the furthest place, as one that has lost some of its position does.
        const order = ['a0', 'b0', 'a1', 'a2'];
        const read = starts.flatMap((start) => order.slice(0, start + 1));
        expect(wrong([...read, ...order])).toEqual([]);
      }),
    );
  });

  it('is wrong when an event never came', () => {
    expect(wrong(['a0', 'b0', 'a2'])).toContain('one: never got a1 (cmlWorker-a, revision 1)');
  });

  it('is wrong when an event came for the first time after a later one of its aggregate', () => {
    expect(wrong(['a0', 'b0', 'a2', 'a1'])).toEqual(['one: cml_worker/a 1 came after 2']);
  });

  it('is wrong when an event came that is not in the history, or in another place of it', () => {
    expect(wrong(['a0', 'b0', 'a1', 'a2', 'a9'])).toEqual(['one: got a9 of cml_worker/a, which is not in the history']);
    const elsewhere = [...['a0', 'a1', 'a2'].map(receipt), { ...receipt('b0'), subject: 'coaching_session/c' }];
    expect(wrongWith('one', elsewhere, HISTORY)).toEqual([
      'one: b0 (coachingSession-b, revision 0) came as coaching_session/c at 0',
    ]);
  });
});
