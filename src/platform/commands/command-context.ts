import { randomUUID } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';

/** Namespace of the UUIDv5 that this service makes of its own names. Never change it: stored ids depend on it. */
export const DORMOUSE_NAMESPACE = '6f1f3f0e-7a51-5d0c-9d2e-0d0b7a3c5e11';

/** Who wants what, when, and because of what: travels with every command. */
export interface CommandContext {
  /** Identity of the command; ids of its events follow from it. UUID. */
  readonly commandId: string;
  /** True when the sender may send the same command again (it chose the id): an earlier run is then looked for. */
  readonly repeatable: boolean;
  /** Ties everything together that one request or job run set off. UUID. */
  readonly correlationId: string;
  /** The message that caused this command. UUID. */
  readonly causationId: string;
  /** User id, or `system`. */
  readonly actor: string;
}

/** A command that nobody sends twice under the same id: from a job, or from a request without Idempotency-Key. */
export function newCommandContext(actor: string, correlationId: string = randomUUID()): CommandContext {
  return { commandId: randomUUID(), repeatable: false, correlationId, causationId: correlationId, actor };
}

/**
 * A command whose sender names it (`Idempotency-Key`): the same key for the same operation is the same command,
 * whenever it arrives.
 *
 * @param scope what the key is for, e.g. `PauseWorker/<worker id>`: one key used for two operations is two commands
 */
export function keyedCommandContext(
  scope: string,
  key: string,
  actor: string,
  correlationId: string = randomUUID(),
): CommandContext {
  const commandId = uuidv5(`${scope}/${key}`, DORMOUSE_NAMESPACE);
  return { commandId, repeatable: true, correlationId, causationId: correlationId, actor };
}

/**
 * The context of a later step of the same command, for handlers that append more than once (intent, side effect,
 * outcome). The step has ids of its own, which are the same whenever the command is repeated.
 */
export function stepOf(context: CommandContext, step: string): CommandContext {
  return { ...context, commandId: uuidv5(step, context.commandId), causationId: context.commandId };
}

/** Id of the event at `index` among those that a command writes: UUIDv5 of (command id, index). */
export function eventIdOf(commandId: string, index: number): string {
  return uuidv5(String(index), commandId);
}
