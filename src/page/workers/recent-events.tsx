import type { ReactNode } from 'react';
import type { TelemetryEvent, WorkerActivity } from '../api/answers.js';
import { Card, Nothing } from '../parts/surfaces.js';
import { RelativeTime } from '../parts/time.js';
import classes from './worker-view.module.css';

/** What people did on the worker last, as CML told it. */
export function RecentEvents({ activity }: { readonly activity: WorkerActivity }): ReactNode {
  const events = activity.recent_activity_events;
  return (
    <Card title="Recent activity">
      {events.length === 0 ? (
        <Nothing title="Nothing seen yet">CML has shown nothing that a person did.</Nothing>
      ) : (
        <table className={`${classes['table']} ${classes['events']}`} role="table">
          <caption className={classes['unseen']}>The newest activity events</caption>
          <thead>
            <tr>
              <th scope="col">Timestamp</th>
              <th scope="col">Event Category</th>
              <th scope="col">Details</th>
            </tr>
          </thead>
          <tbody>
            {events.map((event, index) => (
              <tr key={`${event.timestamp} ${index}`}>
                <td>
                  <RelativeTime at={event.timestamp} />
                </td>
                <td>{categoryText(event.category)}</td>
                <td className={classes['details']}>{detailsText(event)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function categoryText(category: string): string {
  const words = category.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What CML says of it: names and values, as they are. */
function detailsText({ data }: TelemetryEvent): string {
  const entries = Object.entries(data);
  if (entries.length === 0) return '–';
  return entries
    .map(
      ([name, value]) => `${name.replaceAll('_', ' ')}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    .join(', ');
}
