import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode, useEffect, useMemo } from 'react';
import type { ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import './shell/mantine-styles.js';
import './shell/page.css';
import { ServiceClient } from './api/client.js';
import { Problem } from './api/problem.js';
import { ConnectionMonitor } from './live/connection-state.js';
import { eventSource } from './live/event-source.js';
import { LiveUpdates } from './live/live-updates.js';
import { App } from './shell/app.js';
import { PageContext } from './shell/page-context.js';
import type { PageServices } from './shell/page-context.js';
import { cssVariables, theme } from './shell/theme.js';
import { ServerClock } from './time/server-clock.js';
import { Ticker } from './time/ticker.js';

const FEED = '/events/stream';
const TRIES = 3;
/** What was looked up this short a while ago is shown as it is; the feed says when it changes. */
const FRESH_MS = 5_000;

function pageServices(): PageServices {
  const clock = new ServerClock();
  const queries = new QueryClient({
    defaultOptions: {
      queries: {
        // The page is for services on machines without a way out, too: the browser's idea of "online" means nothing here.
        networkMode: 'always',
        staleTime: FRESH_MS,
        retry: (failures, error) => failures < TRIES && !(error instanceof Problem && error.status < 500),
      },
    },
  });
  return {
    client: new ServiceClient(),
    clock,
    ticker: new Ticker(clock),
    monitor: new ConnectionMonitor(),
    queries,
  };
}

function Root(): ReactNode {
  const services = useMemo(pageServices, []);
  const { client, queries, clock, monitor } = services;
  useEffect(
    () => new LiveUpdates(client, queries, clock, monitor, eventSource(FEED)).start(),
    [client, queries, clock, monitor],
  );
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <PageContext value={services}>
          <App />
        </PageContext>
      </QueryClientProvider>
    </MantineProvider>
  );
}

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Root />
    </StrictMode>,
  );
}
