import { describe, expect, it } from '@jest/globals';
import { EventStoreUnavailable } from '../event-store.errors.js';
import { exactNumber, IDENTITY_STREAM, passesFilter, positionOf } from './stored-events.js';
import { serverFilterOf } from './server-filter.js';
import type { StoredEvent } from './stored-events.js';

function stored(streamId: string, type: string, commit = 1n): StoredEvent {
  const position = { commit, prepare: commit };
  const created = new Date(0);
  return { streamId, type, position, created, id: '', revision: 0n, isJson: true, data: {}, metadata: {} };
}

describe('positions of EventStoreDB', () => {
  it('are numbers as far as numbers are exact, and refused beyond', () => {
    expect(positionOf(stored('a-1', 'T', BigInt(Number.MAX_SAFE_INTEGER)))).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => exactNumber(BigInt(Number.MAX_SAFE_INTEGER) + 1n, 'the position')).toThrow(EventStoreUnavailable);
  });
});

describe('a filter', () => {
  const events = [stored('a-1', 'Opened'), stored('a-1', 'OpenedAgain'), stored('b-1', 'Opened'), stored('a-2', '$>')];
  const passing = (passes: (event: StoredEvent) => boolean) => events.filter(passes).map(({ type }) => type);

  it('lets through the types of the streams asked for, and nothing of the system', () => {
    expect(passing(passesFilter())).toEqual(['Opened', 'OpenedAgain', 'Opened']);
    expect(passing(passesFilter({ types: ['Opened'], streamPrefixes: ['a-'] }))).toEqual(['Opened']);
    expect(passing(passesFilter({ streamPrefixes: [] }))).toEqual([]);
    expect(passing(passesFilter({ types: ['$>'] }))).toEqual([]);
    expect([stored(IDENTITY_STREAM, 'T'), stored('$x', 'T')].some(passesFilter())).toBe(false);
  });

  it('has the server send all that it lets through', () => {
    for (const filter of [
      {},
      { types: ['Opened'] },
      { streamPrefixes: ['a-'] },
      { types: ['T'], streamPrefixes: ['a-'] },
    ]) {
      const { passes } = serverFilterOf(filter);
      expect(events.filter(passesFilter(filter)).every(passes)).toBe(true);
    }
  });

  it('by types and streams is one by streams for the server: all of their events come', () => {
    const { filter, passes } = serverFilterOf({ types: ['Opened'], streamPrefixes: ['a-', 'c-'] });
    expect(filter).toMatchObject({ filterOn: 'streamName', prefixes: ['a-', 'c-'] });
    expect(passing(passes)).toEqual(['Opened', 'OpenedAgain', '$>']);
  });
});
