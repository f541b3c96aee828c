import { describe, expect, it } from '@jest/globals';
import { readPlan } from './query-plan.js';

/** MongoDB 7, `explain('queryPlanner')`, classic engine, cut down to what is read: an equality and a range, in order. */
const CLASSIC = {
  explainVersion: '1',
  queryPlanner: {
    namespace: 'dormouse.dormouse.models.workers__v1_g1',
    indexFilterSet: false,
    winningPlan: {
      stage: 'LIMIT',
      limitAmount: 10,
      inputStage: {
        stage: 'FETCH',
        filter: { 'd.status': { $not: { $type: [4] } } },
        inputStage: {
          stage: 'IXSCAN',
          keyPattern: { 'd.status': 1, 'd.checked_at': 1, _id: 1 },
          indexName: 'ix_status__checked_at',
          isMultiKey: false,
          direction: 'forward',
          indexBounds: {
            'd.status': ['["running", "running"]'],
            'd.checked_at': ['["", "2026-01-01T00:30:00Z"]'],
            _id: ['[MinKey, MaxKey]'],
          },
        },
      },
    },
    rejectedPlans: [{ stage: 'FETCH', inputStage: { stage: 'COLLSCAN' } }],
  },
};

/** The same server with the slot-based engine: the plan lies one level deeper. */
const SLOT_BASED = {
  explainVersion: '2',
  queryPlanner: {
    winningPlan: { queryPlan: CLASSIC.queryPlanner.winningPlan, slotBasedPlan: { slots: '', stages: '' } },
    rejectedPlans: [],
  },
};

const COLLECTION_SCAN = {
  queryPlanner: {
    winningPlan: {
      stage: 'SORT',
      sortPattern: { _id: 1 },
      inputStage: { stage: 'COLLSCAN', filter: { 'd.count': { $eq: 5 } }, direction: 'forward' },
    },
    rejectedPlans: [],
  },
};

/** All of an index, to get the order: no help to a query with conditions. */
const WHOLE_INDEX = {
  queryPlanner: {
    winningPlan: {
      stage: 'FETCH',
      filter: { 'd.count': { $eq: 5 } },
      inputStage: {
        stage: 'IXSCAN',
        indexName: 'ix_name',
        direction: 'backward',
        indexBounds: { 'd.name': ['[MaxKey, MinKey]'], _id: ['[MaxKey, MinKey]'] },
      },
    },
  },
};

const SCAN_BY_ID = {
  queryPlanner: {
    winningPlan: {
      stage: 'FETCH',
      inputStage: { stage: 'IXSCAN', indexName: '_id_', indexBounds: { _id: ['("w3", {})'] } },
    },
  },
};

/** Several index scans under one `$or`. */
const MERGED = {
  queryPlanner: {
    winningPlan: {
      stage: 'FETCH',
      inputStage: {
        stage: 'SORT_MERGE',
        inputStages: [CLASSIC.queryPlanner.winningPlan.inputStage.inputStage, { stage: 'COLLSCAN' }],
      },
    },
  },
};

/** FerretDB 2.7 in front of PostgreSQL. */
const POSTGRES = {
  queryPlanner: {
    Plan: {
      'Node Type': 'Limit',
      Plans: [
        {
          'Node Type': 'Custom Scan',
          Plans: [
            {
              'Node Type': 'Bitmap Heap Scan',
              Plans: [{ 'Node Type': 'Bitmap Index Scan', 'Index Name': 'ix_status', 'Index Cond': '(document @= x)' }],
            },
          ],
        },
      ],
    },
  },
};

const POSTGRES_SCAN = {
  queryPlanner: {
    Plan: { 'Node Type': 'Bitmap Index Scan', 'Index Name': '_id_', 'Index Cond': "(shard_key_value = '2'::bigint)" },
  },
};

describe('A query plan', () => {
  it.each<[string, unknown, boolean, boolean, string | null]>([
    ['an index, by the classic engine', CLASSIC, true, false, 'ix_status__checked_at'],
    ['an index, by the slot-based engine', SLOT_BASED, true, false, 'ix_status__checked_at'],
    ['no index', COLLECTION_SCAN, true, false, null],
    ['the whole of an index, to answer conditions', WHOLE_INDEX, true, false, null],
    ['the whole of an index, for its order alone', WHOLE_INDEX, false, false, 'ix_name'],
    ['the index on the id, to go on after one', SCAN_BY_ID, false, true, '_id_'],
    ['the index on the id, for anything else', SCAN_BY_ID, true, false, null],
    ['an index and beside it a scan', MERGED, true, false, null],
    ['an index of PostgreSQL', POSTGRES, true, false, 'ix_status'],
    ['a scan of PostgreSQL', POSTGRES_SCAN, true, false, null],
    ['something unknown', { ok: 1 }, true, false, null],
  ])('that uses %s is read so', (_what, explained, filtered, byId, expected) => {
    expect(readPlan(explained, filtered, byId).usesIndex).toBe(expected);
  });

  it('is shown without the plans that were rejected', () => {
    expect(readPlan(CLASSIC, true, false).plan).toContain('IXSCAN');
    expect(readPlan(CLASSIC, true, false).plan).not.toContain('COLLSCAN');
  });
});
