import { Notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { getAbout } from '../api/operations.js';
import { CoachingView } from '../coaching/coaching-view.js';
import { JobsView } from '../jobs/jobs-view.js';
import { keys } from '../live/query-keys.js';
import { Nothing } from '../parts/surfaces.js';
import { WorkerView } from '../workers/worker-view.js';
import { WorkersView } from '../workers/workers-view.js';
import { Banners } from './banners.js';
import { Header } from './header.js';
import { usePage } from './page-context.js';
import type { Route } from './routes.js';
import classes from './shell.module.css';
import { ViewTitle } from './view-title.js';
import { useVisit } from './visit.js';

const CLOCK_EVERY_MS = 60_000;

/** The page: what it is about, where one can go, and the view that the address names. */
export function App(): ReactNode {
  const { route, number } = useVisit();
  const about = useAbout();
  return (
    <>
      {/* A button and not a link: an address's hash names a view here. */}
      <button type="button" className={classes['skip']} onClick={() => document.querySelector('main')?.focus()}>
        Skip to content
      </button>
      <Header route={route} />
      <Banners about={about} />
      <main className={classes['main']} tabIndex={-1}>
        <View key={number} route={route} />
      </main>
      <footer className={classes['footer']}>
        {about && `${about.name} ${about.version}`} <a href="/docs">API</a>
      </footer>
      <Notifications position="bottom-right" limit={4} />
    </>
  );
}

/** What the service is, and on the way what time it has. */
function useAbout(): Awaited<ReturnType<typeof getAbout>> | undefined {
  const { client, clock } = usePage();
  return useQuery({
    queryKey: keys.about,
    queryFn: async ({ signal }) => {
      const asked = clock.localNow();
      const about = await getAbout(client, signal);
      clock.learn(asked, clock.localNow(), Date.parse(about.now));
      return about;
    },
    refetchInterval: CLOCK_EVERY_MS,
  }).data;
}

function View({ route }: { readonly route: Route }): ReactNode {
  switch (route.view) {
    case 'workers':
      return <WorkersView query={route.query} />;
    case 'worker':
      return <WorkerView worker={route} />;
    case 'coaching':
      return <CoachingView query={route.query} />;
    case 'jobs':
      return <JobsView />;
    case 'unknown':
      return (
        <>
          <ViewTitle title="Nothing is here" />
          <Nothing title="The address leads to no view">
            <a href="#/workers">To the workers</a>
          </Nothing>
        </>
      );
  }
}
