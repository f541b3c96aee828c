import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { cleanEnvironment, ROOT } from '../e2e/compiled-program.js';
import { eventually } from '../support/eventually.js';
import type { Block } from './document.js';

/** Everything takes milliseconds; this only ends what would never end. */
const WITHIN_MS = 40_000;

/** The interpreter with the package of EventStoreDB's client; without it, those that need it are left out. */
const pythonWithPackages = process.env['PYTHON_FOR_SNIPPETS'];

/** What is on this machine to run the blocks with. */
export const AVAILABLE = {
  ts: true,
  sh: has('bash') && has('curl') && has('jq'),
  py: has(pythonWithPackages ?? 'python3'),
  pyWithPackages: pythonWithPackages !== undefined,
} as const;

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** A folder inside the project, so that imports find its packages; the blocks of the document lie in it as files. */
export class SnippetFolder {
  readonly path: string;

  constructor(blocks: readonly Block[]) {
    mkdirSync(join(ROOT, 'build'), { recursive: true });
    this.path = mkdtempSync(join(ROOT, 'build/snippets-'));
    for (const { name, code } of blocks) if (name !== undefined) writeFileSync(this.file(name), code);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Starts a block as a program. */
  start(name: string, environment: Readonly<Record<string, string>>): Snippet {
    const [program = '', ...args] = commandOf(name);
    return new Snippet(name, program, [...args, this.file(name)], this.path, environment);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function commandOf(name: string): readonly string[] {
  switch (extname(name)) {
    case '.ts':
      return [process.execPath];
    case '.py':
      return [pythonWithPackages ?? 'python3'];
    case '.sh':
      return ['bash'];
    default:
      throw new Error(`${name}: nobody knows how to run it.`);
  }
}

/** One life of a block. */
export class Snippet {
  private out = '';
  private err = '';
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;

  constructor(
    private readonly name: string,
    program: string,
    args: readonly string[],
    folder: string,
    environment: Readonly<Record<string, string>>,
  ) {
    // A group of its own: a shell's children end with it.
    this.child = spawn(program, args, {
      cwd: folder,
      env: cleanEnvironment({ ...environment, PYTHONDONTWRITEBYTECODE: '1', GRPC_VERBOSITY: 'ERROR' }),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.closed = once(this.child, 'close');
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
  }

  /** The lines that it has printed. */
  get lines(): readonly string[] {
    return this.out.split('\n').slice(0, -1);
  }

  /** Waits until it has printed a line that begins so. @throws with all that it printed when it ends, or never does */
  async printed(beginning: string): Promise<void> {
    let ended = false;
    const seen = () => this.lines.some((line) => line.startsWith(beginning));
    try {
      await eventually(`${this.name} prints '${beginning}'`, () => (ended = !this.isRunning) || seen(), WITHIN_MS);
    } catch (error) {
      throw new Error(this.told(), { cause: error });
    }
    if (ended && !seen()) throw new Error(`It ended without printing '${beginning}'. ${this.told()}`);
  }

  /** Waits for its end. @throws when it fails */
  async finished(): Promise<string> {
    await this.closed;
    if (this.child.exitCode !== 0) throw new Error(this.told());
    return this.out;
  }

  /** SIGKILL, to it and what it has started. */
  async kill(): Promise<void> {
    const { pid } = this.child;
    if (this.isRunning && pid !== undefined) process.kill(-pid, 'SIGKILL');
    await this.closed;
  }

  private get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  private told(): string {
    return `${this.name} printed:\n${this.out}\nand to standard error:\n${this.err}`;
  }
}
