import { AsyncLocalStorage } from 'node:async_hooks';
import type { LoggerService } from '@nestjs/common';
import type { DestinationStream, Logger } from 'pino';
import { pino } from 'pino';

/** Injection token of the process's pino logger. */
export const LOGGER = Symbol('logger');

/** What ties together everything that one request or job run sets off. */
export interface Correlation {
  readonly correlationId: string;
}

const correlation = new AsyncLocalStorage<Correlation>();

/** Runs `work` with a correlation id that every log line in it carries. */
export function correlated<T>(correlationId: string, work: () => T): T {
  return correlation.run({ correlationId }, work);
}

/** The correlation id of the request or job run that is under way, if any. */
export function currentCorrelationId(): string | undefined {
  return correlation.getStore()?.correlationId;
}

/**
 * One JSON object a line, or readable lines when the output is a terminal. Times are ISO 8601 UTC. What looks like a
 * secret is replaced wherever it is logged as a field.
 */
export async function createLogger(level: string, pretty: boolean, destination?: DestinationStream): Promise<Logger> {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => {
      const id = currentCorrelationId();
      return id === undefined ? {} : { correlation_id: id };
    },
    redact: {
      paths: [
        'password',
        'token',
        'authorization',
        '*.password',
        '*.token',
        '*.authorization',
        'req.headers.authorization',
      ],
      censor: '[redacted]',
    },
  };
  if (destination) return pino(options, destination);
  // Standard output belongs to what a command prints; the log of a service is its standard output as well.
  if (!pretty) return pino(options, pino.destination({ dest: 1, sync: true }));
  const { default: prettyStream } = await import('pino-pretty');
  return pino(
    options,
    prettyStream({
      colorize: true,
      sync: true,
      singleLine: true,
      errorLikeObjectKeys: ['err'],
      translateTime: 'SYS:HH:MM:ss.l',
      ignore: 'req,res',
    }),
  );
}

/** NestJS's own messages, through pino. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  error(message: unknown, stack?: string, context?: string): void {
    this.logger.error({ context, stack }, String(message));
  }

  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }

  debug(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  verbose(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }
}
