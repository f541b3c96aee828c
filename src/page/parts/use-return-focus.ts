import { useEffect, useState } from 'react';

/**
 * Gives the focus back to where it was before a dialog came, when the dialog goes; to the view's heading when that is no
 * longer there.
 */
export function useReturnFocus(): void {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      // After the dialog has let go of it.
      setTimeout(() => {
        if (document.querySelector('[role=dialog]')) return;
        const target = opener?.isConnected ? opener : document.querySelector('h1');
        if (target instanceof HTMLElement) target.focus({ preventScroll: true });
      });
    },
    [opener],
  );
}
