import { ApiProperty } from '@nestjs/swagger';
import { SUSPENSION_REASONS } from '../domain/webhook-subscription.events.js';
import type { SuspensionReason } from '../domain/webhook-subscription.events.js';
import { SUBSCRIPTION_STATUSES } from '../domain/webhook-subscription.js';
import type { SubscriptionStatus } from '../domain/webhook-subscription.js';
import { MOST_LAG_COUNTED } from '../queries/get-subscription.query.js';

const TIME = { type: String, format: 'date-time', example: '2026-01-01T10:00:00.000Z' } as const;
const MAYBE_TIME = { ...TIME, nullable: true } as const;
const MAYBE_TEXT = { type: String, nullable: true } as const;

/** What the last attempt that failed came to. */
export class DeliveryErrorDto {
  @ApiProperty() readonly message!: string;
  @ApiProperty({ description: 'Stable and machine-readable', example: 'timeout' }) readonly code!: string;
  @ApiProperty({ type: Number, nullable: true, description: 'HTTP status; null without an answer' })
  readonly status!: number | null;
  @ApiProperty({ ...MAYBE_TEXT, description: 'The event that was not accepted' }) readonly event_id!: string | null;
  @ApiProperty(TIME) readonly at!: string;
}

/** Why the service has given a subscription up. */
export class SuspensionDto {
  @ApiProperty({ enum: SUSPENSION_REASONS }) readonly reason!: SuspensionReason;
  @ApiProperty(TIME) readonly failing_since!: string;
  @ApiProperty() readonly last_error!: string;
  @ApiProperty(TIME) readonly suspended_at!: string;
}

/** A push subscription. */
export class SubscriptionDto {
  @ApiProperty({ example: 'sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01' }) readonly subscription_id!: string;
  @ApiProperty({ example: 'https://billing.example.com/hooks/dormouse' }) readonly url!: string;
  @ApiProperty(MAYBE_TEXT) readonly description!: string | null;
  @ApiProperty({ type: [String], nullable: true, description: 'Published types; null: all' })
  readonly types!: readonly string[] | null;
  @ApiProperty(MAYBE_TEXT) readonly aggregate_kind!: string | null;
  @ApiProperty(MAYBE_TEXT) readonly aggregate_id!: string | null;
  @ApiProperty({ enum: SUBSCRIPTION_STATUSES }) readonly state!: SubscriptionStatus;
  @ApiProperty({ type: SuspensionDto, nullable: true }) readonly suspension!: SuspensionDto | null;
  @ApiProperty({ description: 'Counts the secrets' }) readonly secret_version!: number;
  @ApiProperty() readonly created_by!: string;
  @ApiProperty(TIME) readonly created_at!: string;
  @ApiProperty(TIME) readonly updated_at!: string;
}

/** A subscription, and how its deliveries stand. */
export class SubscriptionStatusDto extends SubscriptionDto {
  @ApiProperty({ ...MAYBE_TEXT, description: 'Everything up to here was accepted; null: the beginning' })
  readonly position!: string | null;
  @ApiProperty({ description: 'Deliveries that were accepted, repeats included' }) readonly delivered!: number;
  @ApiProperty(MAYBE_TIME) readonly last_delivery_at!: string | null;
  @ApiProperty({ type: DeliveryErrorDto, nullable: true }) readonly last_error!: DeliveryErrorDto | null;
  @ApiProperty({ ...MAYBE_TIME, description: 'null: nothing fails' }) readonly failing_since!: string | null;
  @ApiProperty({ ...MAYBE_TIME, description: 'When what fails is sent again' })
  readonly next_attempt_at!: string | null;
}

export class SubscriptionDetailsDto extends SubscriptionStatusDto {
  @ApiProperty({ description: `Events not accepted yet, counted up to ${MOST_LAG_COUNTED}` })
  readonly lag_events!: number;
  @ApiProperty({ description: 'Age of the oldest of them' }) readonly lag_seconds!: number;
}

/** The secret is told here and nowhere else. */
export class SubscriptionWithSecretDto extends SubscriptionDto {
  @ApiProperty({
    description: 'What the receiver verifies signatures with (Standard Webhooks); it is not told again',
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  })
  readonly secret!: string;
}

export class SubscriptionPageDto {
  @ApiProperty({ type: [SubscriptionStatusDto] }) readonly items!: readonly SubscriptionStatusDto[];
  @ApiProperty({ ...MAYBE_TEXT, description: 'Pass as `after` for the next page; null on the last one' })
  readonly next!: string | null;
}
