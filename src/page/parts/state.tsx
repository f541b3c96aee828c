import type { ReactNode } from 'react';
import classes from './parts.module.css';

/** The colours of states; each is a pair of custom properties, for light and dark (shell/page.css). */
export type StateColor = 'running' | 'idle' | 'paused' | 'changing' | 'trouble' | 'unknown';

/** A state as a dot and a word. A ring stands for what does not run. */
export function State({ color, children }: { readonly color: StateColor; readonly children: ReactNode }): ReactNode {
  const hollow = color === 'paused' || color === 'unknown';
  return (
    <span className={classes['state']} data-color={color} {...(hollow ? { 'data-hollow': true } : {})}>
      {children}
    </span>
  );
}
