import { beforeEach, describe, expect, it } from '@jest/globals';
import { OutageReasons } from './outage-reasons.js';

const MINUTE = 60_000;

describe('The reasons of an outage', () => {
  let reasons: OutageReasons;

  beforeEach(() => {
    reasons = new OutageReasons();
  });

  it('are said once, however often they come back', () => {
    const said = ['refused', 'refused', 'no answer', 'refused', 'no answer'].map((reason) => reasons.isNews(reason, 0));
    expect(said).toEqual([true, false, true, false, false]);
  });

  it('are the same when only a number in them differs', () => {
    expect(reasons.isNews('Failed to connect (2026-11-23T05:37:44.004Z)', 0)).toBe(true);
    expect(reasons.isNews('Failed to connect (2026-11-23T05:37:45.119Z)', 0)).toBe(false);
  });

  it('are said again after ten minutes', () => {
    const said = [0, 9, 10, 19, 20].map((minutes) => reasons.isNews('refused', minutes * MINUTE));
    expect(said).toEqual([true, false, true, false, true]);
  });

  it('do not fill the log when each one is different', () => {
    const letters = [...'abcdefghijklmnopqrstuvwxyz'];
    const said = letters.filter((letter) => reasons.isNews(`no host ${letter}`, 0));
    expect(said).toHaveLength(10);
    expect(reasons.isNews('no host a', 10 * MINUTE)).toBe(true);
  });

  it('are news again after the outage is over, which is said once', () => {
    reasons.isNews('refused', 0);
    expect([reasons.over(), reasons.over()]).toEqual([true, false]);
    expect(reasons.isNews('refused', 0)).toBe(true);
  });
});
