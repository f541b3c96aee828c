import { Running } from '../../e2e/compiled-program.js';

const STARTED_WITHIN_MS = 60_000;

/** The demo, as a person starts it, and where its page is. */
export class RunningDemo {
  private constructor(
    private readonly program: Running,
    readonly url: string,
  ) {}

  static async start(environment: NodeJS.ProcessEnv = {}): Promise<RunningDemo> {
    const program = Running.dormouse(['demo'], { PORT: '0', ...environment });
    try {
      const [, url = ''] = await program.printed(/service +(http:\/\/\S+)/, STARTED_WITHIN_MS);
      return new RunningDemo(program, url);
    } catch (error) {
      await program.end('SIGKILL');
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.program.end('SIGTERM');
  }
}
