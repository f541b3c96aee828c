import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * One line of the result.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} subject What was measured of the service, with its unit.
 * @property {string} baseline What it is compared with, with its unit; empty when there is nothing.
 * @property {number | null} ratio Subject over baseline.
 * @property {string} target Empty: told only.
 * @property {boolean | null} ok Null: no target.
 */

/**
 * Measures the subject and what it is compared with in turns (A B, B A, A B, ...), so that whatever else the machine does
 * meets both. The ratio is the median of the ratios of neighbours, not the ratio of the medians.
 *
 * @param {object} sides
 * @param {(round: number) => Promise<number>} sides.subject One measurement.
 * @param {(round: number) => Promise<number>} sides.baseline One measurement, in the same unit.
 * @param {number} sides.rounds
 * @param {number} [sides.warmUps] Rounds before, which do not count.
 * @returns {Promise<{ subject: number, baseline: number, ratio: number }>} Medians.
 */
export async function inTurns({ subject, baseline, rounds, warmUps = 1 }) {
  const pairs = [];
  for (let round = -warmUps; round < rounds; round++) {
    const measured = {};
    const sides = [
      ['subject', subject],
      ['baseline', baseline],
    ];
    for (const [side, measure] of round % 2 === 0 ? sides : sides.reverse()) {
      await settle();
      measured[side] = await measure(round);
    }
    if (round >= 0) pairs.push(measured);
  }
  return {
    subject: median(pairs.map((pair) => pair.subject)),
    baseline: median(pairs.map((pair) => pair.baseline)),
    ratio: median(pairs.map((pair) => pair.subject / pair.baseline)),
  };
}

/** Nobody pays for what was left lying by the one before. */
async function settle() {
  await nextTurn();
  globalThis.gc?.();
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Runs `work` and tells how often a second it did something.
 *
 * @param {number} count How often it does it.
 * @param {() => unknown} work
 */
export async function perSecond(count, work) {
  return (count * 1_000) / (await milliseconds(work));
}

/** @param {() => unknown} work */
export async function milliseconds(work) {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/**
 * Does `work` for each item, so many at once, each taking the next item as soon as it is free.
 *
 * @template T
 * @param {number} concurrency
 * @param {readonly T[]} items
 * @param {(item: T, index: number) => Promise<unknown>} work
 */
export async function concurrently(concurrency, items, work) {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/**
 * A row whose ratio must reach a least or stay below a most; with neither it is only told.
 *
 * @param {string} name
 * @param {{ subject: number, baseline: number, ratio: number }} measured
 * @param {(value: number) => string} show
 * @param {{ least?: number, most?: number }} target
 * @returns {Row}
 */
export function ratioRow(name, { subject, baseline, ratio }, show, { least, most }) {
  const row = { name, subject: show(subject), baseline: show(baseline), ratio, target: '', ok: null };
  if (least !== undefined) return { ...row, target: `at least ${least}`, ok: ratio >= least };
  if (most !== undefined) return { ...row, target: `at most ${most}`, ok: ratio <= most };
  return row;
}

/**
 * A row whose value itself has a limit, or none (`most` absent: told only).
 *
 * @param {string} name
 * @param {number} value
 * @param {(value: number) => string} show
 * @param {{ most?: number, baseline?: number }} [options]
 * @returns {Row}
 */
export function limitRow(name, value, show, { most, baseline } = {}) {
  return {
    name,
    subject: show(value),
    baseline: baseline === undefined ? '' : show(baseline),
    ratio: baseline === undefined ? null : value / baseline,
    target: most === undefined ? '' : `under ${show(most)}`,
    ok: most === undefined ? null : value < most,
  };
}

/**
 * A row whose value has to be one number.
 *
 * @param {string} name
 * @param {number} value
 * @param {number} exactly
 * @returns {Row}
 */
export function exactRow(name, value, exactly) {
  return { name, subject: `${value}`, baseline: '', ratio: null, target: `${exactly}`, ok: value === exactly };
}

/**
 * A row in the place of those that cannot be measured here.
 *
 * @param {string} name
 * @param {string} how It can be had.
 * @returns {Row}
 */
export function leftOut(name, how) {
  return { name, subject: `left out: ${how}`, baseline: '', ratio: null, target: '', ok: null };
}

/** @param {number} value */
export const showPerSecond = (value) => `${Math.round(value).toLocaleString('en')}/s`;
/** @param {number} value */
export const showMicroseconds = (value) => `${(value * 1_000).toFixed(0)} µs`;
/** @param {number} value */
export const showMilliseconds = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
/** @param {number} value */
export const showKilobytes = (value) => `${value.toFixed(1)} KB`;
/** @param {number} value */
export const showMegabytes = (value) => `${Math.round(value)} MB`;
