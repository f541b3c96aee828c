import {
  ActionIcon,
  Button,
  Group,
  Modal,
  Stack,
  TextInput,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { DIALOG } from '../parts/dialog-styles.js';
import { DormouseIcon, MoonIcon, PersonIcon, SunIcon } from '../parts/icons.js';
import { useReturnFocus } from '../parts/use-return-focus.js';
import { nameProblem, rememberIdentity, useIdentity } from './identity.js';
import { useConnection } from './page-context.js';
import { paths } from './routes.js';
import type { Route } from './routes.js';
import classes from './shell.module.css';

const PLACES = [
  { name: 'Workers', href: paths.workers, views: ['workers', 'worker'] },
  { name: 'Coaching', href: paths.coaching, views: ['coaching'] },
  { name: 'Jobs', href: paths.jobs, views: ['jobs'] },
] as const;

export function Header({ route }: { readonly route: Route }): ReactNode {
  return (
    <header className={classes['header']}>
      <div className={classes['bar']}>
        <a href={paths.workers} className={classes['brand']}>
          <DormouseIcon />
          <span>Dormouse</span>
        </a>
        <nav aria-label="Views" className={classes['nav']}>
          {PLACES.map(({ name, href, views }) => (
            <a key={name} href={href} {...(isOneOf(views, route.view) ? { 'aria-current': 'page' as const } : {})}>
              {name}
            </a>
          ))}
        </nav>
        <Group gap="xs" wrap="nowrap" className={classes['tools']}>
          <Liveness />
          <WhoAreYou />
          <SchemeSwitch />
        </Group>
      </div>
    </header>
  );
}

/** Whether what is shown follows what happens. The banner says it to screen readers. */
function Liveness(): ReactNode {
  const { feed, reachable } = useConnection();
  const state = feed === 'lost' || !reachable ? 'lost' : feed;
  const word = { connecting: 'Connecting', open: 'Live', lost: 'Reconnecting' }[state];
  return (
    <span className={classes['liveness']} data-state={state}>
      {word}
    </span>
  );
}

function WhoAreYou(): ReactNode {
  const name = useIdentity();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        fw={500}
        className={classes['who']}
        leftSection={<PersonIcon />}
        aria-label={name === '' ? 'Who are you?' : `You are ${name}. Change that`}
        onClick={() => setAsking(true)}
      >
        <span className={classes['name']}>{name === '' ? 'Who are you?' : name}</span>
      </Button>
      {asking && <NameDialog known={name} onClose={() => setAsking(false)} />}
    </>
  );
}

function NameDialog({ known, onClose }: { readonly known: string; readonly onClose: () => void }): ReactNode {
  useReturnFocus();
  const [name, setName] = useState(known);
  const [tried, setTried] = useState(false);
  const problem = nameProblem(name);
  const save = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (problem !== null) return;
    rememberIdentity(name);
    onClose();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title="Who are you?"
      closeButtonProps={{ 'aria-label': 'Close' }}
      styles={DIALOG}
      centered
    >
      <form noValidate onSubmit={save}>
        <Stack gap="md">
          <TextInput
            label="Your name"
            description="Kept with what you do, and in this browser. Nobody checks it yet."
            placeholder="ada@example.com"
            autoComplete="username"
            value={name}
            onChange={({ currentTarget: { value } }) => setName(value.trim())}
            error={tried ? problem : null}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button type="submit">Save</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function SchemeSwitch(): ReactNode {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={`Switch to ${other} colours`}
      onClick={() => setColorScheme(other)}
    >
      {scheme === 'dark' ? <SunIcon /> : <MoonIcon />}
    </ActionIcon>
  );
}

function isOneOf(views: readonly string[], view: string): boolean {
  return views.includes(view);
}
