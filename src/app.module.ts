import type { DynamicModule } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { CoachingModule } from './coaching/coaching.module.js';
import { CoachingSettings } from './coaching/coaching-settings.js';
import { PlatformSettings } from './platform/config/platform-settings.js';
import type { Platform } from './platform/platform.js';
import { PlatformModule } from './platform/platform.module.js';
import { SubscriptionsModule } from './subscriptions/subscriptions.module.js';
import { SubscriptionsSettings } from './subscriptions/subscriptions-settings.js';
import { WorkersModule } from './workers/workers.module.js';
import { WorkersSettings } from './workers/workers-settings.js';

/** The service: the platform, and one line for each bounded context. */
@Module({})
export class AppModule {
  /** Everything that the environment may set. */
  static readonly settings = [PlatformSettings, WorkersSettings, CoachingSettings, SubscriptionsSettings] as const;

  static on(platform: Platform): DynamicModule {
    return {
      module: AppModule,
      imports: [PlatformModule.on(platform), WorkersModule, CoachingModule, SubscriptionsModule],
    };
  }
}
