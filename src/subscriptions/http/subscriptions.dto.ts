import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsOptional,
  Matches,
  ValidateBy,
} from 'class-validator';
import { WholeNumber } from '../../platform/http/whole-number.js';
import { SUBSCRIPTION_STATUSES } from '../domain/webhook-subscription.js';
import type { SubscriptionStatus } from '../domain/webhook-subscription.js';
import { LONGEST_URL } from '../gateways/target-address.js';

const SUBSCRIPTION_ID = /^sub_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SUBSCRIPTION_ID_ACCEPTED = 'a subscription id (sub_ and a UUID in lower case) is accepted';
const POSITION = /^[\x21-\x7e]{1,100}$/;
const POSITION_ACCEPTED = '`beginning`, `now` or a position that the event feed has given is accepted';
const TYPE = /^[\w.]{1,100}$/;
const TYPES_ACCEPTED = 'a list of 1 to 100 different published types is accepted';
const LONGEST_DESCRIPTION = 200;

/** What the URL may be is looked at by the command: it depends on a setting. */
function IsUrlText(): PropertyDecorator {
  return textOf(LONGEST_URL, `an http or https URL of at most ${LONGEST_URL} characters is accepted`);
}

function textOf(most: number, accepted: string): PropertyDecorator {
  return ValidateBy({
    name: 'text',
    validator: {
      validate: (value) =>
        typeof value === 'string' && value.trim() !== '' && value.length <= most && value.isWellFormed(),
      defaultMessage: () => accepted,
    },
  });
}

export class SubscriptionPath {
  @ApiProperty({ pattern: SUBSCRIPTION_ID.source, example: 'sub_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01' })
  @Matches(SUBSCRIPTION_ID, { message: SUBSCRIPTION_ID_ACCEPTED })
  readonly subscription_id!: string;
}

export class CreateSubscriptionBody {
  @ApiProperty({ maxLength: LONGEST_URL, example: 'https://billing.example.com/hooks/dormouse' })
  @IsUrlText()
  readonly url!: string;

  @ApiPropertyOptional({ type: [String], description: 'Published types; absent: all', minItems: 1, maxItems: 100 })
  @IsOptional()
  @IsArray({ message: TYPES_ACCEPTED })
  @ArrayMinSize(1, { message: TYPES_ACCEPTED })
  @ArrayMaxSize(100, { message: TYPES_ACCEPTED })
  @ArrayUnique({ message: TYPES_ACCEPTED })
  @Matches(TYPE, { each: true, message: TYPES_ACCEPTED })
  readonly types?: readonly string[] | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Events of one kind of aggregate only' })
  @IsOptional()
  @Matches(/^[a-z_]{1,100}$/, { message: 'a kind of aggregate, such as cml_worker, is accepted' })
  readonly aggregate_kind?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Events of one aggregate only; needs its kind' })
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,200}$/, { message: '1 to 200 visible ASCII characters are accepted' })
  readonly aggregate_id?: string | null;

  @ApiPropertyOptional({ default: 'now', pattern: POSITION.source, description: POSITION_ACCEPTED })
  @Matches(POSITION, { message: POSITION_ACCEPTED })
  readonly after: string = 'now';

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: LONGEST_DESCRIPTION, description: 'For people' })
  @IsOptional()
  @textOf(LONGEST_DESCRIPTION, `text of at most ${LONGEST_DESCRIPTION} characters is accepted`)
  readonly description?: string | null;
}

export class RedeliverBody {
  @ApiProperty({ pattern: POSITION.source, example: 'beginning', description: POSITION_ACCEPTED })
  @Matches(POSITION, { message: POSITION_ACCEPTED })
  readonly after!: string;
}

export class ListSubscriptionsParameters {
  @ApiPropertyOptional({ enum: SUBSCRIPTION_STATUSES })
  @IsOptional()
  @IsIn(SUBSCRIPTION_STATUSES, { message: `one of ${SUBSCRIPTION_STATUSES.join(', ')} is accepted` })
  readonly state?: SubscriptionStatus;

  @ApiPropertyOptional({ minimum: 1, maximum: 1000, default: 100, type: 'integer' })
  @WholeNumber(1, 1000)
  readonly limit: number = 100;

  @ApiPropertyOptional({ description: '`next` of the page before' })
  @IsOptional()
  @Matches(SUBSCRIPTION_ID, { message: 'the `next` of an earlier page is accepted' })
  readonly after?: string;
}
