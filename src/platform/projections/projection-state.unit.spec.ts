import { describe, expect, it } from '@jest/globals';
import { collectionOf, collectionsOf, freeGeneration, scratchOf } from './projection-state.js';

describe('names of a projection’s collections', () => {
  const names = [
    collectionOf('workers', 1, 3),
    collectionOf('workers', 12, 10),
    collectionOf('workers_2', 1, 99),
    scratchOf('workers'),
    'workers',
    'workers__v1_g4_old',
    'worker__v1_g5',
  ];

  it('carry version and generation', () => {
    expect(collectionOf('workers', 1, 3)).toBe('workers__v1_g3');
  });

  it('are told from those of others', () => {
    expect(collectionsOf('workers', names)).toEqual(['workers__v1_g3', 'workers__v12_g10', 'workers__verify']);
    expect(collectionsOf('workers_2', names)).toEqual(['workers_2__v1_g99']);
  });

  it('are never used a second time', () => {
    expect(freeGeneration('workers', names)).toBe(11);
    expect(freeGeneration('workers', names, 20)).toBe(21);
    expect(freeGeneration('sessions', names)).toBe(1);
  });
});
