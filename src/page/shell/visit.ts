import { useSyncExternalStore } from 'react';
import { routeOf } from './routes.js';
import type { Route } from './routes.js';

/** A visit to an address: the same address may be visited again, by a link to where one is. */
export interface Visit {
  /** Counts the visits, from 0. */
  readonly number: number;
  readonly route: Route;
  /** Where one was before; null at the beginning. */
  readonly from: Route | null;
  /** How far down one was when one was here before and came back to it; 0 otherwise. */
  readonly scrollTo: number;
}

let visit: Visit = { number: 0, route: routeOf(window.location.hash), from: null, scrollTo: 0 };

/** How far down one was, by the step in the browser's history. */
const left = new Map<string, number>();
let step = markStep();

// What is scrolled to is there only when its view has been shown again, which the browser does not wait for.
window.history.scrollRestoration = 'manual';
const listeners = new Set<() => void>();
window.addEventListener('hashchange', () => {
  left.set(step, window.scrollY);
  step = markStep();
  visit = {
    number: visit.number + 1,
    route: routeOf(window.location.hash),
    from: visit.route,
    scrollTo: left.get(step) ?? 0,
  };
  for (const listener of listeners) listener();
});

/** Where one is. What {@link rememberQuery} writes is no visit. */
export function useVisit(): Visit {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => visit,
  );
}

/**
 * Keeps how a view is filtered and sorted in its address, without a step in the browser's history for each letter.
 *
 * @param values empty ones are left out
 */
export function rememberQuery(path: string, values: Readonly<Record<string, string>>): void {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ''));
  const hash = query.size === 0 ? path : `${path}?${query}`;
  if (hash !== window.location.hash) window.history.replaceState(window.history.state, '', hash);
}

/** The present step in the browser's history, named when it is new: one that has a name was come back to. */
function markStep(): string {
  const state: unknown = window.history.state;
  if (typeof state === 'string') return state;
  const name = `${Date.now()}-${Math.random()}`;
  window.history.replaceState(name, '');
  return name;
}
