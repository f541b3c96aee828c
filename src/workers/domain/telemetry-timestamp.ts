/**
 * CML's timestamps, read by hand: `new Date()` would take one without a zone for the host's local time, accepts far more
 * than ISO 8601, and is several times slower on a history of hundreds of thousands of events.
 */

const MINUTE = 60_000;
const DAY = 86_400_000;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

const ZERO = 0x30;
const NINE = 0x39;
const UPPER_T = 0x54;
const LOWER_T = 0x74;
const UPPER_Z = 0x5a;
const LOWER_Z = 0x7a;
const BLANK = 0x20;
const DOT = 0x2e;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;

/** What stands for two digits where there are none. */
const NO_DIGITS = -1;

/** `0001-01-01T00:00:00Z` and `9999-12-31T23:59:59.999Z`: what four digits of a year can say. */
const EARLIEST = -62_135_596_800_000;
const LATEST = 253_402_300_799_999;

/**
 * Reads `YYYY-MM-DDTHH:MM:SS`, with 1 to 9 fraction digits or none, and `Z`, an offset (`+02:00`, `+0200`, `+02`) or
 * nothing at the end; nothing means UTC, whatever the host's zone is. Lower-case `t` and `z` and a blank for the `T` are
 * accepted as RFC 3339 does; week dates, leap seconds, `24:00`, and instants outside the years 0001 to 9999 are not.
 *
 * @returns epoch milliseconds, digits beyond the millisecond cut off; NaN when it is not such a timestamp
 */
export function parseTelemetryTimestamp(text: string): number {
  if (text.length < 19) return NaN;
  const day = readDate(text);
  const time = readTimeOfDay(text);
  let at = 19;
  let fraction = 0;
  if (text.charCodeAt(at) === DOT) {
    const end = endOfDigits(text, at + 1);
    const digits = end - at - 1;
    if (digits < 1 || digits > 9) return NaN;
    fraction = milliseconds(text, at + 1, digits);
    at = end;
  }
  const instant = day * DAY + time + fraction - readOffset(text, at);
  return instant >= EARLIEST && instant <= LATEST ? instant : NaN;
}

/** Days since the epoch of the date at the start of the text; NaN when there is no such day. */
function readDate(text: string): number {
  if (text.charCodeAt(4) !== MINUS || text.charCodeAt(7) !== MINUS) return NaN;
  const century = twoDigits(text, 0);
  const yearOfCentury = twoDigits(text, 2);
  if (century < 0 || yearOfCentury < 0) return NaN;
  const year = century * 100 + yearOfCentury;
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return NaN;
  return daysSinceEpoch(year, month, day);
}

/** Milliseconds since midnight of the time of day at position 11; NaN when there is none. */
function readTimeOfDay(text: string): number {
  const separator = text.charCodeAt(10);
  if (separator !== UPPER_T && separator !== LOWER_T && separator !== BLANK) return NaN;
  if (text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON) return NaN;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return NaN;
  return hour * 60 * MINUTE + minute * MINUTE + second * 1_000;
}

/** Offset from UTC in milliseconds that the rest of the text from `at` says; NaN when it is not an offset. */
function readOffset(text: string, at: number): number {
  const rest = text.length - at;
  if (rest === 0) return 0;
  const sign = text.charCodeAt(at);
  if (sign !== PLUS && sign !== MINUS) return rest === 1 && (sign === UPPER_Z || sign === LOWER_Z) ? 0 : NaN;
  const hours = twoDigits(text, at + 1);
  const withColon = text.charCodeAt(at + 3) === COLON;
  let minutes = NO_DIGITS;
  if (rest === 3) minutes = 0;
  else if (rest === (withColon ? 6 : 5)) minutes = twoDigits(text, at + (withColon ? 4 : 3));
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NaN;
  return (sign === MINUS ? -1 : 1) * (hours * 60 + minutes) * MINUTE;
}

/** 0 to 99, or {@link NO_DIGITS}: an integer either way, which makes this the fast path that it has to be. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NO_DIGITS;
}

function endOfDigits(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) >= ZERO && text.charCodeAt(at) <= NINE) at += 1;
  return at;
}

function milliseconds(text: string, at: number, digits: number): number {
  let value = 0;
  for (let i = 0; i < 3; i += 1) value = value * 10 + (i < digits ? text.charCodeAt(at + i) - ZERO : 0);
  return value;
}

function daysInMonth(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? NaN);
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that the leap day is last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
