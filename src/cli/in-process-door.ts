import { pino } from 'pino';
import { createLogger } from '../platform/observability/logger.js';
import { Service } from '../service.js';
import { untilReady } from './readiness.js';
import type { Door, ServiceRequest, ServiceResponse } from './service-api.js';

/**
 * The service in this process, for the length of one command: it does not listen, and its jobs run only when asked for.
 * Its log goes to standard error: standard output belongs to the command.
 */
export class InProcessDoor implements Door {
  readonly kind = 'in_process';

  private constructor(
    readonly where: string,
    private readonly service: Service,
  ) {}

  /** @throws {SettingsError} @throws {StoreFileRefused} @throws the signal's reason */
  static async open(
    dataDirectory: string,
    environment: NodeJS.ProcessEnv,
    signal: AbortSignal,
  ): Promise<InProcessDoor> {
    const log = await createLogger(
      environment['LOG_LEVEL'] || 'warn',
      false,
      pino.destination({ dest: 2, sync: true }),
    );
    // It does not listen, so where the service would do so is no matter of this command.
    const service = await Service.start({ environment: { ...environment, HOST: '127.0.0.1' }, schedule: false, log });
    const door = new InProcessDoor(dataDirectory, service);
    // A job that is under way is told to start nothing new, and its request is still answered.
    signal.addEventListener('abort', () => void service.stop(), { once: true });
    try {
      await untilReady(door, signal);
      return door;
    } catch (error) {
      await door.close();
      throw error;
    }
  }

  async send({ method, path, headers, body }: ServiceRequest): Promise<ServiceResponse> {
    const answer = await this.service.app.inject({
      method,
      url: path,
      headers: { ...headers },
      ...(body === undefined ? {} : { payload: body }),
    });
    return {
      status: answer.statusCode,
      contentType: String(answer.headers['content-type'] ?? ''),
      body: answer.payload,
    };
  }

  close(): Promise<void> {
    return this.service.stop();
  }
}
