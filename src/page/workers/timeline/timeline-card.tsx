import { Group, SegmentedControl, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { WorkerTimeline } from '../../api/answers.js';
import { State } from '../../parts/state.js';
import { Card } from '../../parts/surfaces.js';
import { exactTime } from '../../time/format.js';
import { TimelineChart } from './timeline-chart.js';
import { fittingSpan, lastOf, pointsOf, SPANS, STATE_WORDS, summaryOf, WEEK } from './timeline-model.js';
import type { Span } from './timeline-model.js';
import classes from './timeline.module.css';

/** The last days as a picture, in a sentence, and in full as text. */
export function TimelineCard({ timeline: whole }: { readonly timeline: WorkerTimeline }): ReactNode {
  const [chosen, setChosen] = useState<Span | null>(null);
  const span = chosen ?? fittingSpan(whole);
  const { ms, title } = SPANS.find(({ value }) => value === span) ?? WEEK;
  const timeline = useMemo(() => lastOf(whole, ms), [whole, ms]);
  const summary = summaryOf(timeline);
  return (
    <Card title={title} aside={<SpanChoice span={span} onChange={setChosen} />}>
      <TimelineChart timeline={timeline} summary={summary} />
      <Group justify="space-between" mt="sm" gap="sm">
        <Text size="sm">{summary}</Text>
        <Legend />
      </Group>
      {whole.complete_since !== null && (
        <Text size="sm" c="dimmed" mt="xs">
          There is more than is shown: the history was read back to {exactTime(Date.parse(whole.complete_since))}.
        </Text>
      )}
      <details className={classes['text']}>
        <summary>As text</summary>
        <ol>
          {pointsOf(timeline, 1).map(({ at, text }, index) => (
            <li key={`${at} ${index}`}>{text}</li>
          ))}
        </ol>
      </details>
    </Card>
  );
}

function SpanChoice({ span, onChange }: { readonly span: Span; readonly onChange: (span: Span) => void }): ReactNode {
  return (
    <SegmentedControl
      size="xs"
      aria-label="How much of it is shown"
      value={span}
      onChange={(value) => onChange(SPANS.find((other) => other.value === value)?.value ?? span)}
      data={SPANS.map(({ value, label }) => ({ value, label }))}
    />
  );
}

function Legend(): ReactNode {
  return (
    <ul className={classes['legend']}>
      {(['running', 'idle', 'paused'] as const).map((state) => (
        <li key={state}>
          <State color={state}>{STATE_WORDS[state]}</State>
        </li>
      ))}
      <li>
        <span className={classes['tickSample']} aria-hidden="true" />
        activity
      </li>
    </ul>
  );
}
