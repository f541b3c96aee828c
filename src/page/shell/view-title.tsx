import { Group, Title } from '@mantine/core';
import { useEffect, useLayoutEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { useVisit } from './visit.js';

/**
 * The heading of a view. Going to a view moves the focus here, so that the keyboard goes on from the top of it and screen
 * readers say where one is; not on the first one, where the browser's own start is the right one.
 */
export function ViewTitle({ title, children }: { readonly title: string; readonly children?: ReactNode }): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null);
  const { number, scrollTo } = useVisit();
  useLayoutEffect(() => {
    if (number > 0) heading.current?.focus({ preventScroll: true });
  }, [number]);
  useEffect(() => {
    // After the view's own layout, which may measure where it stands.
    if (number > 0) window.scrollTo(0, scrollTo);
  }, [number, scrollTo]);
  useEffect(() => {
    document.title = `${title} · Dormouse`;
  }, [title]);
  return (
    <Group justify="space-between" align="baseline" mb="lg" gap="xs">
      <Title order={1} size="h2" ref={heading} tabIndex={-1} style={{ outline: 'none' }}>
        {title}
      </Title>
      {children}
    </Group>
  );
}
