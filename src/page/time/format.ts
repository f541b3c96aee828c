/** Times and durations as people read them. Milliseconds in, text out; pure. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const EXACT = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});

const SHORT = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** To the second, in the reader's time zone, which is named: "Wed, 19 Nov 2025, 10:00:05 CET". */
export function exactTime(at: number): string {
  return EXACT.format(at);
}

/** To the minute: "Wed, 19 Nov, 10:00". */
export function shortTime(at: number): string {
  return SHORT.format(at);
}

/** "10:00:05". */
export function clockTime(at: number): string {
  return CLOCK.format(at);
}

/** "just now", "2 hours ago", "in 5 minutes". */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 5 * SECOND) return 'just now';
  const text = inLargestUnit(distance);
  return at <= now ? `${text} ago` : `in ${text}`;
}

/**
 * What is left on a clock: "0:12", "1:05:09", "2 d 3 h"; never negative. Whole seconds only: it is shown from one tick of a
 * second to the next, so that what is left is less than was asked with for most of the time.
 */
export function countdown(leftMs: number): string {
  const seconds = Math.max(0, Math.floor(leftMs / SECOND));
  if (seconds >= 2 * 86_400) return duration(seconds * SECOND);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** In its two largest units: "45 s", "12 min", "3 h 12 min", "2 d 3 h". */
export function duration(ms: number): string {
  const minutes = Math.floor(ms / MINUTE);
  if (minutes < 1) return `${Math.max(0, Math.round(ms / SECOND))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A number of minutes that may be a fraction: "60 minutes", "15 seconds". */
export function minutesText(minutes: number): string {
  if (minutes < 1) return counted(Math.round(minutes * 60), 'second');
  return counted(Math.round(minutes * 10) / 10, 'minute');
}

/** "1 worker", "2 workers". */
export function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function inLargestUnit(ms: number): string {
  if (Math.round(ms / SECOND) < 60) return counted(Math.round(ms / SECOND), 'second');
  if (Math.round(ms / MINUTE) < 60) return counted(Math.round(ms / MINUTE), 'minute');
  if (Math.round(ms / HOUR) < 24) return counted(Math.round(ms / HOUR), 'hour');
  return counted(Math.round(ms / DAY), 'day');
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
