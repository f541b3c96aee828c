import { describe, expect, it } from '@jest/globals';
import { progressAtStart } from './delivery-progress.js';
import type { DeliveryProgress } from './delivery-progress.js';

const FAILING = [{ event_id: 'e', attempts: 3, failing_since: 1, next_attempt_at: 2 }];
const ERROR = { message: 'HTTP 500', code: 'refused', status: 500, event_id: 'e', at: 2 };

const KEPT: DeliveryProgress = {
  subscription_id: 'sub_1',
  history: 'this one',
  redeliveries: 1,
  resumptions: 2,
  position: 50,
  accepted: [60, 80],
  failing: FAILING,
  failing_since: 1,
  next_attempt_at: 2,
  delivered: 7,
  last_delivery_at: 1,
  last_error: ERROR,
};
const COUNTS = { redeliveries: 1, resumptions: 2 };
const WORLD = { beginning: 10, history: 'this one', head: 100 };

describe('Deliveries begin', () => {
  it('where the subscription says, when nothing was kept', () => {
    expect(progressAtStart(undefined, COUNTS, WORLD)).toEqual({
      position: 10,
      accepted: [],
      failing: [],
      delivered: 0,
      last_delivery_at: null,
      last_error: null,
    });
  });

  it('where they were, with what failed', () => {
    const { position, accepted, failing, delivered, last_delivery_at, last_error } = KEPT;
    const told = { position, accepted, failing, delivered, last_delivery_at, last_error };
    expect(progressAtStart(KEPT, COUNTS, WORLD)).toEqual(told);
  });

  it('where the subscription says, when it was told so since, or the positions are another history’s', () => {
    const anew = { position: 10, accepted: [], failing: [], delivered: 7, last_error: ERROR };
    expect(progressAtStart(KEPT, { ...COUNTS, redeliveries: 2 }, WORLD)).toMatchObject(anew);
    expect(progressAtStart(KEPT, COUNTS, { ...WORLD, history: 'another' })).toMatchObject(anew);
  });

  it('without counting the failures from before a resume', () => {
    const resumed = progressAtStart(KEPT, { ...COUNTS, resumptions: 3 }, WORLD);
    expect(resumed).toMatchObject({ position: 50, accepted: [60, 80], failing: [] });
  });

  it('at the end of a history that is shorter than what was delivered: a backup was restored', () => {
    expect(progressAtStart(KEPT, COUNTS, { ...WORLD, head: 40 })).toMatchObject({
      position: 40,
      accepted: [],
      failing: [],
    });
    expect(progressAtStart(KEPT, COUNTS, { ...WORLD, head: 70 })).toMatchObject({ position: 50, accepted: [60] });
    expect(progressAtStart(KEPT, COUNTS, { ...WORLD, head: null })).toMatchObject({ position: null, accepted: [] });
  });
});
