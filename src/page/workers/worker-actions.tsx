import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { About, WorkerRow } from '../api/answers.js';
import { keys } from '../live/query-keys.js';
import { CommandDialog } from '../parts/command-dialog.js';
import type { Command } from '../parts/command-dialog.js';
import { CheckNowIcon, PauseIcon, PlayIcon } from '../parts/icons.js';
import { usePage } from '../shell/page-context.js';
import { minutesText } from '../time/format.js';
import { checkCommand, pauseCommand, resumeCommand } from './worker-commands.js';
import { offers } from './worker-state.js';

/** What can be done with a worker as it is. The service decides; what makes no sense is not offered. */
export function WorkerActions({ row }: { readonly row: WorkerRow }): ReactNode {
  const { client, queries } = usePage();
  const [command, setCommand] = useState<Command | null>(null);
  const snooze = useQuery<About>({ queryKey: keys.about, enabled: false }).data?.settings['snooze_minutes'];
  const snoozeText = typeof snooze === 'number' ? minutesText(snooze) : null;
  const { pause, resume } = offers(row.status);
  const close = (): void => {
    setCommand(null);
    void queries.invalidateQueries({ queryKey: keys.worker(row.worker_id) });
  };
  return (
    <Group gap="xs">
      {row.status === 'running' && (
        <Button
          variant="default"
          leftSection={<CheckNowIcon size={16} />}
          onClick={() => setCommand(checkCommand(client, row))}
        >
          Check now
        </Button>
      )}
      {(pause || resume) && (
        // One button for both: the keyboard's place is not lost when the one becomes the other.
        <Button
          leftSection={pause ? <PauseIcon size={16} /> : <PlayIcon size={16} />}
          onClick={() => setCommand(pause ? pauseCommand(client, row) : resumeCommand(client, row, snoozeText))}
        >
          {pause ? 'Pause' : 'Resume'}
        </Button>
      )}
      {command && <CommandDialog command={command} onClose={close} />}
    </Group>
  );
}
