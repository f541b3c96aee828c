import { Alert, Button, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useId } from 'react';
import type { ReactNode } from 'react';
import { Problem } from '../api/problem.js';
import { WarningIcon } from './icons.js';
import classes from './parts.module.css';

/** A titled part of a view. */
export function Card({
  title,
  level = 3,
  aside,
  children,
}: {
  readonly title: string;
  /** Of its heading: one below that of what it is a part of. */
  readonly level?: 2 | 3;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}): ReactNode {
  const id = useId();
  return (
    <section className={classes['card']} aria-labelledby={id}>
      <header
        style={{ display: 'flex', justifyContent: 'space-between', alignItems: 'baseline', gap: 12, flexWrap: 'wrap' }}
      >
        <Title order={level} size="h5" id={id} mb="md">
          {title}
        </Title>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** Names and values, side by side where there is room. */
export function Facts({
  facts,
  inTwo = false,
}: {
  readonly facts: readonly (readonly [string, ReactNode])[];
  /** Two beside each other, whatever the room. */
  readonly inTwo?: boolean;
}): ReactNode {
  return (
    <dl className={classes['facts']} data-in-two={inTwo}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** While the first answer is awaited. */
export function Loading({ what, rows = 6 }: { readonly what: string; readonly rows?: number }): ReactNode {
  return (
    <Stack gap="sm" p="md" role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={30} radius="sm" opacity={1 - row / (rows + 1)} />
      ))}
    </Stack>
  );
}

/** There is nothing to show, and why that is so. */
export function Nothing({ title, children }: { readonly title: string; readonly children?: ReactNode }): ReactNode {
  return (
    <div className={classes['message']}>
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text c="dimmed" size="sm" mt={4} component="div">
          {children}
        </Text>
      )}
    </div>
  );
}

/** What was asked for could not be had, and nothing older is there to be shown. */
export function Failed({
  what,
  error,
  onRetry,
}: {
  readonly what: string;
  readonly error: Error;
  readonly onRetry: () => void;
}): ReactNode {
  return (
    <Alert color="red" variant="outline" icon={<WarningIcon />} title={`${what} cannot be shown`} role="alert" m="md">
      <Text size="sm">{error.message}</Text>
      {error instanceof Problem && (
        <Text size="xs" c="dimmed" mt={4}>
          {error.code} ({error.status})
        </Text>
      )}
      <Button size="xs" variant="default" mt="sm" onClick={onRetry}>
        Try again
      </Button>
    </Alert>
  );
}
