import { Injectable } from '@nestjs/common';
import { messageOf } from '../errors.js';

/** What an operator should look at, although requests are served; one sentence each. */
export type WarningSource = () => Promise<readonly string[]>;

/** Where contexts tell what health should warn of: the platform knows none of them. */
@Injectable()
export class HealthWarnings {
  private readonly sources: WarningSource[] = [];

  register(source: WarningSource): void {
    this.sources.push(source);
  }

  /** All of them. A source that fails is a warning itself. */
  async all(): Promise<readonly string[]> {
    const told = await Promise.allSettled(this.sources.map((source) => source()));
    return told.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : [`A check could not be made: ${messageOf(outcome.reason)}`],
    );
  }
}
