import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta' | 'inverse';

/** Where a command prints: what was asked for goes to standard output, all else to standard error. */
export interface Terminal {
  /** One line. */
  out(line: string): void;
  /** One line on standard error. */
  err(line: string): void;
  /** Coloured where standard output is a terminal that wants colours (NO_COLOR is honoured). */
  paint(style: Style, text: string): string;
  /** Replaces the line that `progress` wrote last, on a terminal; a line of its own elsewhere. */
  progress(line: string): void;
  /** The same on standard error, for commands whose standard output is data; nothing when that is no terminal. */
  status(line: string): void;
}

/** The process's own terminal. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  let open: NodeJS.WriteStream | undefined;
  const closeProgress = (): void => {
    open?.write('\n');
    open = undefined;
  };
  const replaceLine = (stream: NodeJS.WriteStream, line: string): void => {
    stream.write(`\r\u001b[2K${line}`);
    open = stream;
  };
  return {
    out: (line) => {
      closeProgress();
      stdout.write(`${line}\n`);
    },
    err: (line) => {
      closeProgress();
      stderr.write(`${line}\n`);
    },
    paint: (style, text) => styleText(style, text, { stream: stdout }),
    progress: (line) => {
      if (stdout.isTTY) replaceLine(stdout, line);
      else stdout.write(`${line}\n`);
    },
    status: (line) => {
      if (stderr.isTTY) replaceLine(stderr, line);
    },
  };
}

/** Aborted by SIGINT, SIGTERM, SIGHUP, and when whoever read standard output has gone. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (signal: string): void => controller.abort(new Interrupted(signal));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    interrupt('EPIPE');
  });
  return controller.signal;
}

/** The person who started the command does not want to wait for its end. */
export class Interrupted extends Error {
  constructor(readonly signal: string) {
    super(`Interrupted (${signal}).`);
    this.name = 'Interrupted';
  }
}
