import { createTheme } from '@mantine/core';
import type { CSSVariablesResolver } from '@mantine/core';

/** Calm, and with contrast enough for everybody (WCAG 2.2, AA). System fonts only: nothing is loaded from elsewhere. */
export const theme = createTheme({
  primaryColor: 'indigo',
  // Of one family with the page's own dark grounds and lines (page.css).
  colors: {
    dark: [
      '#e4e5e9',
      '#c6c8d0',
      '#a9acb6',
      '#7d808a',
      '#444852',
      '#363a43',
      '#282b32',
      '#1e2025',
      '#17181c',
      '#111216',
    ],
  },
  primaryShade: 8,
  autoContrast: true,
  defaultRadius: 'md',
  respectReducedMotion: true,
  cursorType: 'pointer',
  fontFamily: "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', system-ui, sans-serif",
  headings: { fontWeight: '650', textWrap: 'balance' },
});

/** Mantine's own quiet grey is too pale on white to be read by everybody. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-text': '#22242a',
    '--mantine-color-dimmed': '#5d5f68',
    '--mantine-color-placeholder': '#6d707a',
    '--mantine-color-anchor': '#3144b5',
    '--mantine-color-error': '#b42318',
  },
  dark: {
    '--mantine-color-text': '#e4e5e9',
    '--mantine-color-dimmed': '#a9acb6',
    '--mantine-color-placeholder': '#9599a5',
    '--mantine-color-anchor': '#a5b4ff',
    '--mantine-color-error': '#ff8a80',
  },
});
