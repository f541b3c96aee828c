import { Radio, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { WorkerRow } from '../api/answers.js';
import { changeTimeout } from '../api/workers.js';
import { CommandDialog } from '../parts/command-dialog.js';
import { usePage } from '../shell/page-context.js';
import { minutesText } from '../time/format.js';
import { minutesOf, MOST_MINUTES } from './timeout-minutes.js';
import { told } from './worker-commands.js';

/** Gives a worker a timeout of its own, or back the global one. */
export function TimeoutDialog({
  row,
  globalMinutes,
  onClose,
}: {
  readonly row: WorkerRow;
  /** Null when the service does not tell. */
  readonly globalMinutes: number | null;
  readonly onClose: () => void;
}): ReactNode {
  const { client } = usePage();
  const [own, setOwn] = useState(row.idle_threshold_source === 'worker');
  const [text, setText] = useState(String(row.idle_threshold_minutes));
  const minutes = own ? minutesOf(text) : null;
  const obstacle = own && minutes === null ? `A number of minutes above 0, up to ${MOST_MINUTES}, is accepted.` : null;
  const global = globalMinutes === null ? 'The global setting' : `The global setting (${minutesText(globalMinutes)})`;
  const form = (
    <Stack gap="sm">
      <Radio.Group label="Pause after" value={own ? 'own' : 'global'} onChange={(value) => setOwn(value === 'own')}>
        <Stack gap="xs" mt={6}>
          <Radio value="global" label={global} {...(own ? {} : { 'data-autofocus': true })} />
          <Radio value="own" label="A time of its own" {...(own ? { 'data-autofocus': true } : {})} />
        </Stack>
      </Radio.Group>
      {own && (
        <TextInput
          label="Minutes without activity"
          inputMode="decimal"
          value={text}
          onChange={({ currentTarget: { value } }) => setText(value)}
          w="12rem"
        />
      )}
    </Stack>
  );
  return (
    <CommandDialog
      command={{
        title: `Change the idle timeout of ${row.name}`,
        explanation:
          'It holds at once. If the worker has been idle for longer than the new timeout already, the next check pauses it.',
        confirm: 'Change timeout',
        form,
        obstacle,
        run: async (caller) =>
          told(
            await changeTimeout(client, row, minutes, caller),
            'The timeout is changed',
            minutes === null
              ? `${row.name} goes by the global setting.`
              : `${row.name} is paused after ${minutesText(minutes)}.`,
            row.name,
          ),
      }}
      onClose={onClose}
    />
  );
}
