import type { ReactNode } from 'react';

interface Properties {
  readonly size?: number;
}

/** Icons stand beside words and say nothing of their own: screen readers pass over them. */
function Icon({ size = 18, children }: Properties & { readonly children: ReactNode }): ReactNode {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      style={{ flex: 'none' }}
    >
      {children}
    </svg>
  );
}

/** A dormouse, curled up. */
export function DormouseIcon({ size = 30 }: Properties): ReactNode {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32" style={{ flex: 'none' }}>
      <circle cx="16" cy="17" r="12.5" fill="var(--page-mouse)" />
      <circle cx="9" cy="8" r="4.2" fill="var(--page-mouse)" />
      <circle cx="9" cy="8" r="2" fill="var(--page-mouse-light)" />
      <path
        d="M7 20c0-6 5-9.5 10-8.5 5 .9 7.5 5 6.5 9-1 3.8-5 5.5-8.5 4"
        fill="none"
        stroke="var(--page-mouse-light)"
        strokeWidth="2.4"
        strokeLinecap="round"
      />
      <path
        d="M8.5 15.5q1.7 1.5 3.4 0"
        fill="none"
        stroke="var(--page-mouse-dark)"
        strokeWidth="1.5"
        strokeLinecap="round"
      />
    </svg>
  );
}

export function SortIcon({ order }: { readonly order: 'ascending' | 'descending' | 'none' }): ReactNode {
  return (
    <svg aria-hidden="true" width={10} height={12} viewBox="0 0 10 12" style={{ flex: 'none' }}>
      <path d="M5 1 8.5 5h-7z" fill="currentColor" opacity={order === 'ascending' ? 1 : 0.25} />
      <path d="M5 11 1.5 7h7z" fill="currentColor" opacity={order === 'descending' ? 1 : 0.25} />
    </svg>
  );
}

export function SearchIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <circle cx="11" cy="11" r="6.5" />
      <path d="m16 16 4.5 4.5" />
    </Icon>
  );
}

export function SunIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4" />
    </Icon>
  );
}

export function MoonIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z" />
    </Icon>
  );
}

export function PersonIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <circle cx="12" cy="8" r="3.8" />
      <path d="M4.5 20.5c1-4 4-6 7.5-6s6.5 2 7.5 6" />
    </Icon>
  );
}

export function PauseIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <path d="M8.5 5v14M15.5 5v14" />
    </Icon>
  );
}

export function PlayIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <path d="M7 4.5v15l12-7.5z" />
    </Icon>
  );
}

export function CheckNowIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <path d="M20 12a8 8 0 1 1-2.5-5.8M20.5 3.5v4.2h-4.2" />
    </Icon>
  );
}

export function BackIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <path d="m14.5 5.5-6.5 6.5 6.5 6.5" />
    </Icon>
  );
}

export function WarningIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <path d="M12 4 2.8 20h18.4zM12 10v4.5M12 17.3v.100" />
    </Icon>
  );
}

export function InfoIcon(properties: Properties): ReactNode {
  return (
    <Icon {...properties}>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 11v5.5M12 7.5v.100" />
    </Icon>
  );
}
