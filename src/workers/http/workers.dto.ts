import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  IsIn,
  IsNumber,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import { WholeNumber } from '../../platform/http/whole-number.js';
import { WORKER_STATUSES } from '../domain/worker-status.js';
import type { WorkerStatus } from '../domain/worker-status.js';

const REGION = /^[a-z]{2,4}(-[a-z]{2,12}){1,3}-\d{1,2}$/;
const INSTANCE_ID = /^i-([0-9a-f]{8}|[0-9a-f]{17})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** No control or format characters, no line separators, no unpaired surrogates: what a line of a table can show. */
const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
const MOST_MINUTES = 525_600;

const TIMEOUT_MINUTES = {
  type: Number,
  nullable: true,
  minimum: 0,
  exclusiveMinimum: true,
  maximum: MOST_MINUTES,
  description: 'Decimals are accepted; null: the global setting holds',
} as const;

function IsEndpoint(): PropertyDecorator {
  return ValidateBy({
    name: 'endpoint',
    validator: {
      validate: (value) => {
        const url = typeof value === 'string' && value.length <= 2000 ? URL.parse(value) : null;
        return (
          url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash
        );
      },
      defaultMessage: () => 'an http or https URL without credentials, query or fragment is accepted',
    },
  });
}

function IsTimeoutMinutes(): PropertyDecorator {
  return ValidateBy({
    name: 'timeoutMinutes',
    validator: {
      validate: (value) => typeof value === 'number' && value > 0 && value <= MOST_MINUTES,
      defaultMessage: () => `null, or a number of minutes above 0 to ${MOST_MINUTES}, is accepted`,
    },
  });
}

export class RegionPath {
  @ApiProperty({ example: 'us-east-1', pattern: REGION.source })
  @Matches(REGION, { message: 'an AWS region such as us-east-1 is accepted' })
  readonly aws_region!: string;
}

export class WorkerPath extends RegionPath {
  @ApiProperty({ format: 'uuid' })
  @Matches(UUID, { message: 'a worker id (a UUID in lower case) is accepted' })
  readonly worker_id!: string;
}

export class ListWorkersParameters {
  @ApiPropertyOptional({ enum: WORKER_STATUSES })
  @IsOptional()
  @IsIn(WORKER_STATUSES, { message: `one of ${WORKER_STATUSES.join(', ')} is accepted` })
  readonly status?: WorkerStatus;

  @ApiPropertyOptional({ minimum: 1, maximum: 1000, default: 100, type: 'integer' })
  @WholeNumber(1, 1000)
  readonly limit: number = 100;

  @ApiPropertyOptional({ description: '`next` of the page before' })
  @IsOptional()
  @IsString({ message: 'the `next` of an earlier page is accepted' })
  @MaxLength(1000, { message: 'the `next` of an earlier page is accepted' })
  readonly after?: string;
}

/** The most workers that may be asked for by name. */
const MOST_WORKER_IDS = 100;
const WORKER_IDS_ACCEPTED = `1 to ${MOST_WORKER_IDS} worker ids (UUIDs in lower case), each as a worker_id of its own, are accepted`;

export class ListAllWorkersParameters extends ListWorkersParameters {
  @ApiPropertyOptional({
    type: [String],
    maxItems: MOST_WORKER_IDS,
    items: { type: 'string', format: 'uuid', pattern: UUID.source },
    description: 'Only these, repeated for several; those that do not exist are left out',
  })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === undefined ? undefined : [value].flat()))
  @ArrayMaxSize(MOST_WORKER_IDS, { message: WORKER_IDS_ACCEPTED })
  @Matches(UUID, { each: true, message: WORKER_IDS_ACCEPTED })
  readonly worker_id?: readonly string[];
}

export class TelemetryParameters {
  @ApiPropertyOptional({ minimum: 1, maximum: 1000, default: 100, type: 'integer' })
  @WholeNumber(1, 1000)
  readonly limit: number = 100;
}

export class TimelineParameters {
  @ApiPropertyOptional({ minimum: 1, maximum: 31, default: 7, type: 'integer' })
  @WholeNumber(1, 31)
  readonly days: number = 7;
}

export class ImportWorkerBody {
  @ApiProperty({ example: 'i-0123456789abcdef0', pattern: INSTANCE_ID.source })
  @Matches(INSTANCE_ID, { message: 'an EC2 instance id (i- and 8 or 17 hexadecimal digits) is accepted' })
  readonly aws_instance_id!: string;

  @ApiPropertyOptional({ minLength: 1, maxLength: 100, description: "Default: the instance's Name tag" })
  @ValidateIf((_, value) => value !== undefined)
  @IsString({ message: 'text of 1 to 100 characters is accepted' })
  @MaxLength(100, { message: 'text of 1 to 100 characters is accepted' })
  @Matches(PRINTABLE, { message: 'text without control characters is accepted' })
  readonly name?: string;

  @ApiPropertyOptional({
    example: 'https://cml.example.net',
    format: 'uri',
    description: "Base URL of the CML server; default: https and the instance's address",
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsEndpoint()
  readonly cml_endpoint?: string;

  @ApiPropertyOptional(TIMEOUT_MINUTES)
  @ValidateIf((_, value) => value !== undefined && value !== null)
  @IsTimeoutMinutes()
  readonly idle_timeout_minutes?: number | null;
}

export class WorkerPolicyBody {
  @ApiProperty(TIMEOUT_MINUTES)
  @ValidateIf((_, value) => value !== null)
  @IsNumber({}, { message: `null, or a number of minutes above 0 to ${MOST_MINUTES}, is accepted` })
  @IsTimeoutMinutes()
  readonly idle_timeout_minutes!: number | null;
}
