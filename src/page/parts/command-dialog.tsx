import { Alert, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import type { Caller } from '../api/client.js';
import { Problem, Unreachable } from '../api/problem.js';
import { nameProblem, rememberIdentity, useIdentity } from '../shell/identity.js';
import { DIALOG } from './dialog-styles.js';
import { WarningIcon } from './icons.js';
import { newKey } from './idempotency-key.js';
import { useReturnFocus } from './use-return-focus.js';

/** What came of a command, for the person who gave it. */
export interface Result {
  readonly tone: 'done' | 'nothing';
  readonly title: string;
  readonly text: string;
}

/** Something that is done only after it was confirmed. */
export interface Command {
  readonly title: string;
  /** What will happen. */
  readonly explanation: ReactNode;
  readonly confirm: string;
  readonly color?: string;
  /** What it still needs to know. */
  readonly form?: ReactNode;
  /** Why it cannot be confirmed as it stands. */
  readonly obstacle?: string | null;
  readonly run: (caller: Caller) => Promise<Result>;
}

/** Asks, does, and says what came of it. */
export function CommandDialog({
  command,
  onClose,
}: {
  readonly command: Command;
  readonly onClose: () => void;
}): ReactNode {
  useReturnFocus();
  const known = useIdentity();
  const [asked] = useState(known === '');
  const [name, setName] = useState(known);
  const [tried, setTried] = useState(false);
  // The dialog is the command: confirmed once more after an answer was lost, it is the same one and done only once.
  const [key, setKey] = useState(newKey);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const wrongName = nameProblem(name);

  const confirm = async (): Promise<void> => {
    setTried(true);
    if (wrongName !== null || command.obstacle) return;
    rememberIdentity(name);
    setBusy(true);
    setError(null);
    try {
      tell(await command.run({ user: name, idempotencyKey: key }));
      onClose();
    } catch (failure) {
      setError(failure instanceof Error ? failure : new Error(String(failure)));
      // A refusal is final, and is answered again under its key: another try is another command.
      if (failure instanceof Problem && !failure.leavesOutcomeOpen) setKey(newKey());
    } finally {
      setBusy(false);
    }
  };

  return (
    <Modal
      opened
      onClose={busy ? () => undefined : onClose}
      title={command.title}
      closeButtonProps={{ 'aria-label': 'Close' }}
      styles={DIALOG}
      centered
    >
      <form
        noValidate
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <Stack gap="md">
          <Text size="sm" component="div">
            {command.explanation}
          </Text>
          {command.form}
          {tried && command.obstacle && (
            <Text size="sm" c="var(--page-error)" role="alert">
              {command.obstacle}
            </Text>
          )}
          {asked && (
            <TextInput
              label="Who are you?"
              description="Kept with what you do, and in this browser for the next time."
              placeholder="ada@example.com"
              autoComplete="username"
              value={name}
              onChange={({ currentTarget: { value } }) => setName(value.trim())}
              error={tried ? wrongName : null}
              {...(command.form === undefined ? { 'data-autofocus': true } : {})}
            />
          )}
          {error && <Failure error={error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose} disabled={busy}>
              Cancel
            </Button>
            <Button
              type="submit"
              loading={busy}
              {...(asked || command.form !== undefined ? {} : { 'data-autofocus': true })}
              {...(command.color === undefined ? {} : { color: command.color })}
            >
              {error ? 'Try again' : command.confirm}
            </Button>
          </Group>
          {!asked && (
            <Text size="xs" c="dimmed" ta="end">
              As {known}
            </Text>
          )}
        </Stack>
      </form>
    </Modal>
  );
}

function Failure({ error }: { readonly error: Error }): ReactNode {
  const title = error instanceof Unreachable ? 'No answer' : 'That did not work';
  return (
    <Alert role="alert" color="red" variant="outline" icon={<WarningIcon />} title={title}>
      <Text size="sm">{error.message}</Text>
      {error instanceof Problem && (
        <Text size="xs" c="dimmed" mt={4}>
          {error.code} ({error.status})
        </Text>
      )}
    </Alert>
  );
}

function tell({ tone, title, text }: Result): void {
  notifications.show({ title, message: text, color: tone === 'done' ? 'teal' : 'gray', autoClose: 8_000 });
}
