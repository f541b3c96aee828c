import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { About } from '../api/answers.js';
import { getReadiness } from '../api/operations.js';
import { keys } from '../live/query-keys.js';
import { warningsOf } from '../live/warnings.js';
import { InfoIcon, WarningIcon } from '../parts/icons.js';
import { useConnection, usePage } from './page-context.js';
import classes from './shell.module.css';

const LOOK_EVERY_MS = 10_000;
/** What has to be known before anything on the page is believed. Screen readers are told when it changes. */
export function Banners({ about }: { readonly about: About | undefined }): ReactNode {
  const { client, monitor } = usePage();
  const connection = useConnection();
  const health = useQuery({
    queryKey: keys.health,
    queryFn: ({ signal }) => getReadiness(client, signal),
    refetchInterval: LOOK_EVERY_MS,
    retry: false,
  });
  const notice = about?.notice ?? null;
  const warnings = warningsOf(connection, monitor.heardAt(), health.data);
  return (
    <div role="status" className={classes['banners']}>
      {notice !== null && (
        <p className={classes['banner']} data-kind="notice">
          <InfoIcon />
          <span>{notice}</span>
        </p>
      )}
      {warnings.map(({ key, title, text }) => (
        <p key={key} className={classes['banner']} data-kind="warning">
          <WarningIcon />
          <span>
            <strong>{title}</strong> {text}
          </span>
        </p>
      ))}
    </div>
  );
}
