import type { DynamicModule } from '@nestjs/common';
import { Module } from '@nestjs/common';
import type { Platform } from './platform/platform.js';
import { PlatformModule } from './platform/platform.module.js';
import { WorkersModule } from './workers/workers.module.js';

/** The service: the platform, and one line for each bounded context. */
@Module({})
export class AppModule {
  static on(platform: Platform): DynamicModule {
    return {
      module: AppModule,
      imports: [PlatformModule.on(platform), WorkersModule],
    };
  }
}
