import { useSyncExternalStore } from 'react';

const KEY = 'dormouse.user';
/** What the service takes as a caller's name (X-User-Id). */
const NAME = /^[\x21-\x7e]{1,200}$/;

const listeners = new Set<() => void>();

/** Who uses the page, as they said themselves; '' when they have not. */
export function useIdentity(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      window.addEventListener('storage', listener);
      return () => {
        listeners.delete(listener);
        window.removeEventListener('storage', listener);
      };
    },
    () => window.localStorage.getItem(KEY) ?? '',
  );
}

/** Remembered in this browser. */
export function rememberIdentity(name: string): void {
  window.localStorage.setItem(KEY, name);
  for (const listener of listeners) listener();
}

/** What is wrong with a name; null when nothing is. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'Say who you are.';
  return NAME.test(name)
    ? null
    : 'Letters (a to z), digits and signs, without spaces: a user name or an e-mail address.';
}
