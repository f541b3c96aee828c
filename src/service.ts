import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { AppModule } from './app.module.js';
import type { Clock } from './platform/clock.js';
import { PlatformSettings } from './platform/config/platform-settings.js';
import { checkSettings, loadSettings, SettingsError } from './platform/config/settings.js';
import { DormouseError, messageOf } from './platform/errors.js';
import { FeedHub } from './platform/feed/feed-hub.js';
import { fastifyAdapter, prepareHttp } from './platform/http/http-server.js';
import { isLoopback } from './platform/http/loopback.js';
import { serveOpenApi } from './platform/http/openapi-document.js';
import { servePage } from './platform/http/page.js';
import { JobScheduler } from './platform/jobs/job-scheduler.js';
import { IdleMemory } from './platform/observability/idle-memory.js';
import { createLogger, NestLog } from './platform/observability/logger.js';
import { Metrics } from './platform/observability/metrics.js';
import { BackgroundWork } from './platform/operations/background-work.js';
import { Readiness } from './platform/operations/readiness.js';
import type { Platform } from './platform/platform.js';
import { closePlatform, openPlatform } from './platform/platform.js';
import { OutageReasons } from './platform/observability/outage-reasons.js';
import { pause } from './platform/projections/pause.js';
import { ProjectionEngine } from './platform/projections/projection-engine.js';

/** What is in flight when the service is told to stop has so long to end by itself. */
const FINISH_WITHIN_MS = 5_000;

/** Meanwhile connections that have nothing more to do are closed so often. */
const CLOSE_IDLE_EVERY_MS = 50;

/** So long the start waits for the read models to be opened; what takes longer goes on behind the open door. */
const OPEN_WITHIN_MS = 1_000;

/** While a store is away at start, it is asked again after so long. */
const LOOK_AGAIN_MS = 1_000;

export interface ServiceOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Default: made from LOG_LEVEL, readable on a terminal. */
  readonly log?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Start the jobs' intervals and what contexts do in the background (default true); without, jobs run only when asked for. */
  readonly schedule?: boolean;
}

/**
 * The whole service in this process. `start` brings up everything but the door: requests can be injected. `listen` opens
 * the door.
 */
export class Service {
  private stopping: Promise<void> | undefined;
  private readonly ending = new AbortController();

  private constructor(
    readonly app: NestFastifyApplication,
    private readonly platform: Platform,
  ) {}

  /** @throws {SettingsError} @throws {StoreFileRefused} */
  static async start(options: ServiceOptions): Promise<Service> {
    const { environment } = options;
    checkSettings(AppModule.settings, environment);
    const settings = loadSettings(PlatformSettings, environment);
    refuseOpenDoor(settings);
    const log = options.log ?? (await createLogger(settings.LOG_LEVEL, process.stdout.isTTY));
    const platform = await openPlatform(settings, environment, log, options.clock);
    try {
      const app = await createApp(platform);
      const service = new Service(app, platform);
      // A store that is away must not keep the door shut: health has to be able to say so.
      await Promise.race([app.get(ProjectionEngine).start(), delay(OPEN_WITHIN_MS, undefined, { ref: false })]);
      void service.followCatchUp();
      if (options.schedule ?? true) {
        app.get(JobScheduler).start();
        app.get(BackgroundWork).start();
      }
      return service;
    } catch (error) {
      await closePlatform(platform);
      throw error;
    }
  }

  get log(): Logger {
    return this.platform.log;
  }

  /** Opens the door. @returns the URL it is reached at */
  async listen(): Promise<string> {
    const { HOST, PORT } = this.platform.settings;
    try {
      await this.app.listen(PORT, HOST);
    } catch (error) {
      throw new DormouseError('cannot_listen', 503, `Cannot listen on ${HOST}, port ${PORT}: ${messageOf(error)}.`);
    }
    const { port } = this.app.getHttpServer().address() as { port: number };
    const url = `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${port}`;
    this.platform.dataDirectory.publish(url);
    this.log.info(
      {
        url,
        data_dir: this.platform.settings.DATA_DIR,
        event_store: this.platform.events.kind,
        read_models: this.platform.readModels.kind,
      },
      'service.listening',
    );
    return url;
  }

  /** Stops intake, lets what is in flight finish or hands it back, closes the stores. Idempotent. */
  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async shutDown(): Promise<void> {
    this.ending.abort(new DormouseError('shutting_down', 503, 'The service is stopping.'));
    this.app.get(Readiness).drain();
    this.app.get(FeedHub).end();
    const finished = Promise.all([
      this.app.get(JobScheduler).stop(),
      this.app.get(BackgroundWork).stop(),
      this.intakeEnded(),
    ]);
    await Promise.race([finished, delay(FINISH_WITHIN_MS, undefined, { ref: false })]);
    // Whatever is still waiting for EC2, CML or a slow client is cut off here; what it left undone is settled at the next
    // start.
    this.app.getHttpServer().closeAllConnections();
    await this.app.close();
    await this.app.get(ProjectionEngine).stop();
    await closePlatform(this.platform);
    this.log.info('service.stopped');
  }

  /** Accepts no more connections; resolves when the last request was answered. */
  private async intakeEnded(): Promise<void> {
    const server = this.app.getHttpServer();
    if (!server.listening) return;
    const ended = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    // A connection whose request is answered only now (a long poll) would be kept for a next one.
    const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
    await ended.finally(() => clearInterval(sweep));
  }

  /** Ready once the read models have reached what was stored at start. A store that is away is waited for. */
  private async followCatchUp(): Promise<void> {
    const { signal } = this.ending;
    const outage = new OutageReasons();
    while (!signal.aborted) {
      try {
        // Nothing to catch up with is no sign that the read models can be had.
        await this.platform.readModels.ping();
        await this.app.get(ProjectionEngine).caughtUp(signal);
        this.app.get(Readiness).opened();
        this.log.info({ since_start_ms: Math.round(performance.now()) }, 'service.ready');
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (outage.isNews(messageOf(error))) this.log.warn({ error: messageOf(error) }, 'service.waiting_for_stores');
        await pause(LOOK_AGAIN_MS, signal);
      }
    }
  }
}

async function createApp(platform: Platform): Promise<NestFastifyApplication> {
  const { settings, log } = platform;
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.on(platform), fastifyAdapter(settings), {
    logger: new NestLog(log),
    abortOnError: false,
    bodyParser: false,
  });
  prepareHttp(app, settings, app.get(Metrics), app.get(IdleMemory), log);
  serveOpenApi(app);
  await servePage(app);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

function refuseOpenDoor({ HOST, ALLOW_UNAUTHENTICATED }: PlatformSettings): void {
  if (isLoopback(HOST) || ALLOW_UNAUTHENTICATED) return;
  throw new SettingsError([
    `HOST='${HOST}': callers are not authenticated, so only a loopback address is accepted. Put a proxy that authenticates in front and set ALLOW_UNAUTHENTICATED=true to listen elsewhere.`,
  ]);
}
