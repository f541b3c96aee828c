/** The timeline as a picture and in words. Pure; times are epoch ms. */
import type { Moment, SegmentState, WorkerTimeline } from '../../api/answers.js';
import { duration, shortTime } from '../../time/format.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** What is narrower than this cannot be seen, and is widened to it. In units of the picture. */
const THINNEST = 2;
/** A label with what is free around it. */
const LABEL_WIDTH = 58;

export const STATE_WORDS: Readonly<Record<SegmentState, string>> = {
  running: 'in use',
  idle: 'idle',
  paused: 'paused',
  unknown: 'not known',
};

/** A stretch of the band. */
export interface Bar {
  readonly x: number;
  readonly width: number;
  readonly state: SegmentState;
}

/** A line through the band with its time. */
export interface TimeMark {
  readonly x: number;
  readonly label: string;
}

/** Something that can be pointed at or stepped to. */
export interface Point {
  readonly at: number;
  readonly x: number;
  readonly text: string;
}

/** All that the service is asked for. */
export const WEEK = { value: '7d', label: '7 days', title: 'The last 7 days', ms: 7 * DAY } as const;

/** How much of the end of it is looked at. */
export const SPANS = [
  { value: '10m', label: '10 min', title: 'The last 10 minutes', ms: 10 * MINUTE },
  { value: '1h', label: '1 hour', title: 'The last hour', ms: HOUR },
  { value: '24h', label: '24 hours', title: 'The last 24 hours', ms: DAY },
  WEEK,
] as const;

export type Span = (typeof SPANS)[number]['value'];

/** The shortest one that shows all that is known; of a worker that was registered a minute ago a week would show nothing. */
export function fittingSpan({ segments, to }: WorkerTimeline): Span {
  const first = segments.find(({ state }) => state !== 'unknown');
  const known = first ? Date.parse(to) - Date.parse(first.from) : 0;
  return SPANS.find(({ ms }) => ms >= known)?.value ?? '7d';
}

/** The last so many milliseconds of it. */
export function lastOf(timeline: WorkerTimeline, ms: number): WorkerTimeline {
  const from = Math.max(Date.parse(timeline.from), Date.parse(timeline.to) - ms);
  const begin = new Date(from).toISOString();
  return {
    ...timeline,
    from: begin,
    segments: timeline.segments
      .filter(({ to }) => Date.parse(to) > from)
      .map((segment) => (Date.parse(segment.from) < from ? { ...segment, from: begin } : segment)),
    activity: timeline.activity.filter((at) => Date.parse(at) >= from),
    moments: timeline.moments.filter(({ at }) => Date.parse(at) >= from),
  };
}

/** @returns where a time lies on a picture of this width */
export function scaleOf({ from, to }: WorkerTimeline, width: number): (at: number) => number {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const span = Math.max(1, end - begin);
  return (at) => Math.min(width, Math.max(0, ((at - begin) / span) * width));
}

/** Neighbours of one state are one bar; the shortest ones stay visible. */
export function barsOf(timeline: WorkerTimeline, width: number): readonly Bar[] {
  const scale = scaleOf(timeline, width);
  const bars: Bar[] = [];
  for (const { from, to, state } of timeline.segments) {
    const [x, end] = [scale(Date.parse(from)), scale(Date.parse(to))];
    const last = bars.at(-1);
    if (last?.state === state) bars[bars.length - 1] = { ...last, width: end - last.x };
    else bars.push({ x, width: end - x, state });
  }
  return bars.map((bar) => (bar.width < THINNEST ? { ...bar, width: THINNEST } : bar));
}

/** One tick for all activity that would lie on the same place: thousands of them would be a blot and slow. */
export function ticksOf(timeline: WorkerTimeline, width: number): readonly number[] {
  const scale = scaleOf(timeline, width);
  return [...new Set(timeline.activity.map((at) => Math.round(scale(Date.parse(at)) * 2) / 2))];
}

/** Round times by the reader's clock, so many of them that their labels have room. */
export function timeMarks(timeline: WorkerTimeline, width: number): readonly TimeMark[] {
  const scale = scaleOf(timeline, width);
  const [begin, end] = [Date.parse(timeline.from), Date.parse(timeline.to)];
  const least = ((end - begin) / Math.max(1, width)) * LABEL_WIDTH;
  const stepMs = MARK_STEPS.find((step) => step >= least) ?? DAY;
  const marks: TimeMark[] = [];
  for (let at = roundedUp(begin, stepMs); at < end; at = roundedUp(at + 1, stepMs)) {
    marks.push({ x: scale(at), label: (stepMs >= DAY ? DAY_LABEL : TIME_ONLY).format(at) });
  }
  return marks;
}

const MARK_STEPS = [MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY];

/** The next time at which so much of the reader's day is over; a day has 23 or 25 hours where clocks are changed. */
function roundedUp(at: number, stepMs: number): number {
  const day = new Date(at);
  day.setHours(0, 0, 0, 0);
  if (stepMs < DAY) return day.getTime() + Math.ceil((at - day.getTime()) / stepMs) * stepMs;
  if (day.getTime() < at) day.setDate(day.getDate() + Math.round(stepMs / DAY));
  return day.getTime();
}

const DAY_LABEL = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' });
const TIME_ONLY = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Where a new state begins, and what happened, in the order of time. */
export function pointsOf(timeline: WorkerTimeline, width: number): readonly Point[] {
  const scale = scaleOf(timeline, width);
  const points: Point[] = [
    ...timeline.segments.map(({ from, to, state }) => pointAt(Date.parse(from), stretchText(from, to, state))),
    ...timeline.moments.map((moment) => pointAt(Date.parse(moment.at), momentText(moment))),
  ];
  return points.filter(({ at }) => at >= Date.parse(timeline.from)).sort((a, b) => a.at - b.at);

  function pointAt(at: number, text: string): Point {
    return { at, x: scale(at), text };
  }
}

/** What was at a time. */
export function textAt(timeline: WorkerTimeline, at: number): string {
  const segment = timeline.segments.find(({ from, to }) => Date.parse(from) <= at && at < Date.parse(to));
  return segment ? stretchText(segment.from, segment.to, segment.state) : shortTime(at);
}

/** "In use 2 d 3 h (30 %), idle 4 h (2 %), paused 4 d 17 h (68 %).": the picture in a sentence, of the time that is known. */
export function summaryOf({ segments }: Pick<WorkerTimeline, 'segments'>): string {
  const sums = new Map<SegmentState, number>();
  for (const { from, to, state } of segments) {
    sums.set(state, (sums.get(state) ?? 0) + Date.parse(to) - Date.parse(from));
  }
  const all = [...sums.values()].reduce((sum, ms) => sum + ms, 0);
  if (all <= 0) return 'Nothing is known yet.';
  const unknown = sums.get('unknown') ?? 0;
  const parts = KNOWN_STATES.flatMap((state) => {
    const ms = sums.get(state) ?? 0;
    return ms > 0 ? [`${STATE_WORDS[state]} ${duration(ms)} (${percent(ms / (all - unknown))})`] : [];
  });
  if (parts.length === 0) return 'Nothing is known of this time.';
  const text = parts.join(', ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What happened, in words. */
export function momentText({ at, kind, reason, by, detail }: Moment): string {
  return `${shortTime(Date.parse(at))}: ${whatHappened(kind, reason, detail)}${by === null ? '' : ` by ${by}`}`;
}

function stretchText(from: string, to: string, state: SegmentState): string {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const until = end - begin > DAY ? shortTime(end) : TIME_ONLY.format(end);
  return `${shortTime(begin)} to ${until}: ${STATE_WORDS[state]} for ${duration(end - begin)}`;
}

function whatHappened(kind: Moment['kind'], reason: string | null, detail: string | null): string {
  switch (kind) {
    case 'registered':
      return 'registered';
    case 'paused':
      return reason === 'idle_timeout'
        ? 'paused for being idle'
        : reason === 'external'
          ? 'stopped outside of Dormouse'
          : 'paused';
    case 'resumed':
      return reason === 'external' ? 'started outside of Dormouse' : 'resumed';
    case 'detection_on':
      return 'idle detection switched on';
    case 'detection_off':
      return 'idle detection switched off';
    case 'policy_changed':
      return detail ?? 'timeout changed';
    case 'status_changed':
      return `EC2: ${detail ?? 'another status'}`;
  }
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? 'under 1 %' : `${Math.round(share * 100)} %`;
}

const KNOWN_STATES = ['running', 'idle', 'paused'] as const;
