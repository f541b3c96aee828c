/** How every dialog of the page looks. */
export const DIALOG = {
  title: { fontWeight: 650, fontSize: 'var(--mantine-font-size-lg)', lineHeight: 1.3 },
  content: { border: '1px solid var(--page-line)' },
} as const;
