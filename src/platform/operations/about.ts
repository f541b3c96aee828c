import { Injectable } from '@nestjs/common';
import { Clock } from '../clock.js';
import { PlatformSettings } from '../config/platform-settings.js';
import { EventStore } from '../event-store/event-store.port.js';
import { Leases } from '../leases/leases.port.js';
import { ReadModelStore } from '../read-models/read-model-store.port.js';
import { VERSION } from '../version.js';

/** Settings that people want to know who look at what the service does, by their names in its answers. */
export type SettingsInForce = Readonly<Record<string, string | number | boolean>>;

/** What this service is. Times are epoch ms. */
export interface AboutService {
  readonly name: 'dormouse';
  readonly version: string;
  /** What everybody who looks at it must know (SERVICE_NOTICE); null when there is nothing. */
  readonly notice: string | null;
  /** This instance's name among several; null when it is alone with its stores. */
  readonly instance: string | null;
  /** Kinds of the stores. */
  readonly event_store: string;
  readonly read_models: string;
  readonly started_at: number;
  readonly now: number;
  readonly settings: SettingsInForce;
}

/**
 * What the service says of itself, without asking its stores. Each context tells which of its settings explain what people
 * see of it; the platform knows none of them.
 */
@Injectable()
export class About {
  private readonly startedAt: number;
  private readonly settingsInForce: Record<string, string | number | boolean> = {};

  constructor(
    private readonly clock: Clock,
    private readonly settings: PlatformSettings,
    private readonly events: EventStore,
    private readonly readModels: ReadModelStore,
    private readonly leases: Leases,
  ) {
    this.startedAt = clock.now();
  }

  /** @throws when two contexts tell of the same name (a defect, found at start) */
  tell(settings: SettingsInForce): void {
    for (const [name, value] of Object.entries(settings)) {
      if (name in this.settingsInForce) throw new Error(`Two contexts tell of a setting '${name}'.`);
      this.settingsInForce[name] = value;
    }
  }

  service(): AboutService {
    return {
      name: 'dormouse',
      version: VERSION,
      notice: this.settings.SERVICE_NOTICE,
      instance: this.leases.instance ?? null,
      event_store: this.events.kind,
      read_models: this.readModels.kind,
      started_at: this.startedAt,
      now: this.clock.now(),
      settings: { ...this.settingsInForce },
    };
  }
}
