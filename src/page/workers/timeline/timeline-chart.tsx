import { useElementSize } from '@mantine/hooks';
import { useMemo, useState } from 'react';
import type { KeyboardEvent, PointerEvent, ReactNode } from 'react';
import type { WorkerTimeline } from '../../api/answers.js';
import { shortTime } from '../../time/format.js';
import { barsOf, pointsOf, scaleOf, textAt, ticksOf, timeMarks } from './timeline-model.js';
import type { Point } from './timeline-model.js';
import classes from './timeline.module.css';

const HEIGHT = 84;
const BAND = { top: 22, height: 34 } as const;
/** A label needs so much room. */
const LABEL_WIDTH = 44;

/**
 * The picture: a band of states, with what happened above it and activity below. One can point at any time of it, or step
 * through what happened with the arrow keys; what is there is said in words underneath.
 */
export function TimelineChart({
  timeline,
  summary,
}: {
  readonly timeline: WorkerTimeline;
  readonly summary: string;
}): ReactNode {
  const { ref, width: measured } = useElementSize();
  const width = Math.max(measured, 100);
  const points = useMemo(() => pointsOf(timeline, width), [timeline, width]);
  const [chosen, setChosen] = useState<Point | null>(null);
  const [begin, end] = [Date.parse(timeline.from), Date.parse(timeline.to)];

  const point = ({ clientX, currentTarget }: PointerEvent<HTMLDivElement>): void => {
    const { left } = currentTarget.getBoundingClientRect();
    const at = begin + (Math.min(width, Math.max(0, clientX - left)) / width) * (end - begin);
    const near = points.findLast(({ x }) => Math.abs(x - (clientX - left)) < 4);
    setChosen(near ?? { at, x: clientX - left, text: textAt(timeline, at) });
  };
  const step = (event: KeyboardEvent): void => {
    const next = stepped(event.key, points, chosen);
    if (!next) return;
    event.preventDefault();
    setChosen(next);
  };

  return (
    <>
      <div
        ref={ref}
        className={classes['chart']}
        role="slider"
        tabIndex={0}
        aria-label="Timeline"
        aria-orientation="horizontal"
        aria-valuemin={begin}
        aria-valuemax={end}
        aria-valuenow={chosen?.at ?? end}
        aria-valuetext={chosen?.text ?? summary}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => setChosen(null)}
        onBlur={() => setChosen(null)}
        onFocus={() => setChosen((known) => known ?? points.at(-1) ?? null)}
        onKeyDown={step}
      >
        <Picture timeline={timeline} width={width} chosen={chosen} />
      </div>
      <p className={classes['chosen']} aria-hidden="true">
        {chosen ? chosen.text : `${shortTime(begin)} to ${shortTime(end)}`}
      </p>
    </>
  );
}

function Picture({
  timeline,
  width,
  chosen,
}: {
  readonly timeline: WorkerTimeline;
  readonly width: number;
  readonly chosen: Point | null;
}): ReactNode {
  const still = useMemo(() => <Still timeline={timeline} width={width} />, [timeline, width]);
  return (
    <svg
      width={width}
      height={HEIGHT}
      viewBox={`0 0 ${width} ${HEIGHT}`}
      aria-hidden="true"
      className={classes['picture']}
    >
      {still}
      {chosen && (
        <line x1={chosen.x} x2={chosen.x} y1={6} y2={BAND.top + BAND.height + 10} className={classes['cursor']} />
      )}
    </svg>
  );
}

/** All but what is pointed at; drawn once for each answer. */
function Still({ timeline, width }: { readonly timeline: WorkerTimeline; readonly width: number }): ReactNode {
  const scale = scaleOf(timeline, width);
  const bottom = BAND.top + BAND.height;
  return (
    <>
      <clipPath id="timeline-band">
        <rect x={0} y={BAND.top} width={width} height={BAND.height} rx={6} />
      </clipPath>
      <g clipPath="url(#timeline-band)">
        <rect x={0} y={BAND.top} width={width} height={BAND.height} className={classes['ground']} />
        {barsOf(timeline, width).map(({ x, width: wide, state }) => (
          <rect
            key={x}
            x={x}
            y={BAND.top}
            width={wide}
            height={BAND.height}
            data-state={state}
            className={classes['bar']}
          />
        ))}
      </g>
      {timeMarks(timeline, width).map(({ x, label }) => (
        <g key={x}>
          <line x1={x} x2={x} y1={BAND.top} y2={bottom + 6} className={classes['day']} />
          {x + LABEL_WIDTH < width && (
            <text x={x + 4} y={HEIGHT - 4} className={classes['label']}>
              {label}
            </text>
          )}
        </g>
      ))}
      {ticksOf(timeline, width).map((x) => (
        <line key={x} x1={x} x2={x} y1={bottom + 3} y2={bottom + 10} className={classes['tick']} />
      ))}
      {timeline.moments.map(({ at, kind }, index) => (
        <circle key={index} cx={scale(Date.parse(at))} cy={12} r={4} data-kind={kind} className={classes['moment']} />
      ))}
    </>
  );
}

function stepped(key: string, points: readonly Point[], chosen: Point | null): Point | undefined {
  const at = chosen?.at ?? Number.POSITIVE_INFINITY;
  const index = chosen ? points.indexOf(chosen) : -1;
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return index >= 0 ? points[index + 1] : points.find((point) => point.at > at);
    case 'ArrowLeft':
    case 'ArrowDown':
      return index >= 0 ? points[index - 1] : points.findLast((point) => point.at < at);
    case 'Home':
      return points[0];
    case 'End':
      return points.at(-1);
    default:
      return undefined;
  }
}
