import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Clock } from '../platform/clock.js';
import { newCommandContext } from '../platform/commands/command-context.js';
import { PlatformSettings } from '../platform/config/platform-settings.js';
import { loadSettings } from '../platform/config/settings.js';
import { PublicEvents } from '../platform/contracts/public-events.js';
import { EventCodec } from '../platform/event-store/event-codec.js';
import { EventStore } from '../platform/event-store/event-store.port.js';
import { PositionTokens } from '../platform/event-store/position-tokens.js';
import { FeedReader } from '../platform/feed/feed-reader.js';
import { Leases } from '../platform/leases/leases.port.js';
import { LOGGER } from '../platform/observability/logger.js';
import { BackgroundWork } from '../platform/operations/background-work.js';
import { HealthWarnings } from '../platform/operations/health-warnings.js';
import { ENVIRONMENT } from '../platform/platform.module.js';
import { ProjectionEngine } from '../platform/projections/projection-engine.js';
import { CreateSubscriptionHandler } from './commands/create-subscription.command.js';
import { DeleteSubscriptionHandler } from './commands/delete-subscription.command.js';
import { PauseSubscriptionHandler } from './commands/pause-subscription.command.js';
import { RedeliverHandler } from './commands/redeliver.command.js';
import { ResumeSubscriptionHandler } from './commands/resume-subscription.command.js';
import { RotateSecretHandler } from './commands/rotate-secret.command.js';
import { SubscriptionsRepository } from './commands/subscriptions.repository.js';
import { SuspendSubscriptionCommand, SuspendSubscriptionHandler } from './commands/suspend-subscription.command.js';
import { webhookSubscriptionContract } from './contracts/webhook-subscription.contract.js';
import { DeliveryProgresses } from './delivery/delivery-progress.js';
import { PushDispatcher } from './delivery/push-dispatcher.js';
import { SubscriptionReader } from './delivery/subscription-reader.js';
import { SIGNING_KEY_FILE, SigningKey } from './gateways/signing-key.js';
import type { KeySource } from './gateways/signing-key.js';
import { HttpWebhookSender } from './gateways/webhook-sender.http.js';
import { WebhookSender } from './gateways/webhook-sender.port.js';
import { SubscriptionsHttpController } from './http/subscriptions.http.controller.js';
import { webhookSubscriptionsProjection } from './projections/webhook-subscriptions.projection.js';
import { DeliveryStatuses } from './queries/delivery-status.js';
import { GetSubscriptionHandler } from './queries/get-subscription.query.js';
import { ListSubscriptionsHandler } from './queries/list-subscriptions.query.js';
import { SubscriptionViews } from './queries/subscription-views.js';
import { SubscriptionWarnings } from './subscription-warnings.js';
import { SubscriptionsMetrics } from './subscriptions-metrics.js';
import { SubscriptionsSettings } from './subscriptions-settings.js';

const HOUR_MS = 3_600_000;

/** Push subscriptions: everything of this context, on one page. */
@Module({
  controllers: [SubscriptionsHttpController],
  providers: [
    {
      provide: SubscriptionsSettings,
      inject: [ENVIRONMENT],
      useFactory: (environment: NodeJS.ProcessEnv) => loadSettings(SubscriptionsSettings, environment),
    },
    // gateways
    {
      provide: SigningKey,
      inject: [SubscriptionsSettings, PlatformSettings, EventStore],
      useFactory: (settings: SubscriptionsSettings, platform: PlatformSettings, events: EventStore) =>
        new SigningKey(keySourceOf(settings, platform, events)),
    },
    {
      provide: WebhookSender,
      inject: [SubscriptionsSettings, Clock],
      useFactory: (settings: SubscriptionsSettings, clock: Clock) =>
        new HttpWebhookSender(
          { timeoutMs: settings.WEBHOOK_TIMEOUT_MS, allowPrivateTargets: settings.WEBHOOK_ALLOW_PRIVATE_TARGETS },
          clock,
        ),
    },
    // commands
    SubscriptionsRepository,
    CreateSubscriptionHandler,
    PauseSubscriptionHandler,
    ResumeSubscriptionHandler,
    RedeliverHandler,
    RotateSecretHandler,
    DeleteSubscriptionHandler,
    SuspendSubscriptionHandler,
    // queries
    SubscriptionViews,
    DeliveryStatuses,
    GetSubscriptionHandler,
    ListSubscriptionsHandler,
    // delivery
    SubscriptionsMetrics,
    SubscriptionReader,
    DeliveryProgresses,
    SubscriptionWarnings,
    {
      provide: PushDispatcher,
      inject: [
        EventStore,
        FeedReader,
        PublicEvents,
        PositionTokens,
        Leases,
        Clock,
        LOGGER,
        CommandBus,
        WebhookSender,
        SigningKey,
        SubscriptionsMetrics,
        SubscriptionReader,
        DeliveryProgresses,
        SubscriptionViews,
        SubscriptionsSettings,
      ],
      useFactory: (
        events: EventStore,
        reader: FeedReader,
        published: PublicEvents,
        tokens: PositionTokens,
        leases: Leases,
        clock: Clock,
        log: Logger,
        commands: CommandBus,
        sender: WebhookSender,
        signingKey: SigningKey,
        metrics: SubscriptionsMetrics,
        subscriptions: SubscriptionReader,
        progresses: DeliveryProgresses,
        views: SubscriptionViews,
        settings: SubscriptionsSettings,
      ) =>
        new PushDispatcher(
          {
            ...{
              events,
              reader,
              published,
              tokens,
              clock,
              log,
              sender,
              signingKey,
              metrics,
              subscriptions,
              progresses,
            },
            view: () => views.all,
            patienceMs: settings.WEBHOOK_SUSPEND_AFTER_HOURS * HOUR_MS,
            random: Math.random,
            suspend: (id, proposal) =>
              commands.execute(new SuspendSubscriptionCommand(id, proposal, newCommandContext('system'))),
          },
          leases,
        ),
    },
  ],
})
export class SubscriptionsModule {
  constructor(
    codec: EventCodec,
    projections: ProjectionEngine,
    background: BackgroundWork,
    health: HealthWarnings,
    dispatcher: PushDispatcher,
    warnings: SubscriptionWarnings,
    private readonly sender: WebhookSender,
  ) {
    codec.registerCategory(webhookSubscriptionContract);
    projections.register(webhookSubscriptionsProjection);
    background.register(dispatcher);
    health.register(() => warnings.all());
  }

  async onModuleDestroy(): Promise<void> {
    await this.sender.close();
  }
}

/** Events in DATA_DIR: one instance, whose key may lie beside them. Shared ones: a key that all instances know. */
function keySourceOf(
  { WEBHOOK_SIGNING_KEY: key }: SubscriptionsSettings,
  { DATA_DIR }: PlatformSettings,
  { kind }: EventStore,
): KeySource {
  if (key !== null) return { key };
  if (kind === 'embedded') return { file: join(DATA_DIR, SIGNING_KEY_FILE) };
  return { missing: 'with shared stores set WEBHOOK_SIGNING_KEY, the same for all instances.' };
}
