import type { QueryClient } from '@tanstack/react-query';
import { createContext, use, useCallback, useSyncExternalStore } from 'react';
import type { ServiceClient } from '../api/client.js';
import type { ConnectionMonitor, ConnectionState } from '../live/connection-state.js';
import type { ServerClock } from '../time/server-clock.js';
import type { Ticker } from '../time/ticker.js';

/** What every part of the page shares. */
export interface PageServices {
  readonly client: ServiceClient;
  readonly clock: ServerClock;
  readonly ticker: Ticker;
  readonly monitor: ConnectionMonitor;
  readonly queries: QueryClient;
}

export const PageContext = createContext<PageServices | null>(null);

/** @throws outside of the page (a defect) */
export function usePage(): PageServices {
  const services = use(PageContext);
  if (!services) throw new Error('This is shown outside of the page.');
  return services;
}

/**
 * The service's time, epoch ms. The component is shown again when it changes.
 *
 * @param everyMs how often that has to be: times to the minute need no look each second
 */
export function useNow(everyMs = 1_000): number {
  const { ticker } = usePage();
  const rounded = useCallback(
    () => (everyMs <= 1_000 ? ticker.now() : Math.floor(ticker.now() / everyMs) * everyMs),
    [ticker, everyMs],
  );
  return useSyncExternalStore(ticker.listen, rounded);
}

export function useConnection(): ConnectionState {
  const { monitor } = usePage();
  return useSyncExternalStore(monitor.listen, monitor.current);
}
