import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Matches, MaxLength, ValidateBy } from 'class-validator';
import { WholeNumber } from '../../platform/http/whole-number.js';
import { MESSAGE_ROLES } from '../domain/coaching-session.events.js';
import type { MessageRole } from '../domain/coaching-session.events.js';
import { SESSION_STATUSES } from '../domain/coaching-session.js';
import type { SessionStatus } from '../domain/coaching-session.js';

const SESSION_ID = /^sess_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TOPIC_ID = /^[\w.-]{1,100}$/;
const TOPIC_ID_ACCEPTED = 'a topic id (letters, digits, `_`, `.` and `-`, at most 100) is accepted';
/** Largest message, and largest result as JSON: bytes of UTF-8. */
export const MOST_BYTES = 65_536;

function IsContent(): PropertyDecorator {
  return ValidateBy({
    name: 'content',
    validator: {
      validate: (value) =>
        typeof value === 'string' &&
        value.trim() !== '' &&
        value.isWellFormed() &&
        Buffer.byteLength(value) <= MOST_BYTES,
      defaultMessage: () => `text that is not blank, of at most ${MOST_BYTES} bytes as UTF-8, is accepted`,
    },
  });
}

/** How deep it is, and what names it has, is looked at when the body is read. */
function IsResult(): PropertyDecorator {
  return ValidateBy({
    name: 'result',
    validator: {
      validate: (value) =>
        value === undefined || (isWellFormed(value) && Buffer.byteLength(JSON.stringify(value)) <= MOST_BYTES),
      defaultMessage: () => `JSON of well-formed text, of at most ${MOST_BYTES} bytes as UTF-8, is accepted`,
    },
  });
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member));
}

export class SessionPath {
  @ApiProperty({ pattern: SESSION_ID.source, example: 'sess_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01' })
  @Matches(SESSION_ID, { message: 'a session id (sess_ and a UUID in lower case) is accepted' })
  readonly session_id!: string;
}

export class StartSessionBody {
  @ApiProperty({ example: 'core_values', pattern: TOPIC_ID.source })
  @Matches(TOPIC_ID, { message: TOPIC_ID_ACCEPTED })
  readonly topic_id!: string;
}

export class CheckSessionParameters extends StartSessionBody {}

export class MessageBody {
  @ApiProperty({ enum: MESSAGE_ROLES })
  @IsIn(MESSAGE_ROLES, { message: `one of ${MESSAGE_ROLES.join(', ')} is accepted` })
  readonly role!: MessageRole;

  @ApiProperty({ minLength: 1, maxLength: MOST_BYTES, description: `At most ${MOST_BYTES} bytes as UTF-8` })
  @IsContent()
  readonly content!: string;
}

export class CompleteSessionBody {
  @ApiPropertyOptional({
    description: `What came of it: any JSON, at most ${MOST_BYTES} bytes`,
    oneOf: [
      { type: 'object', additionalProperties: true },
      { type: 'array', items: {} },
      { type: 'string' },
      { type: 'number' },
      { type: 'boolean' },
    ],
    nullable: true,
  })
  @IsResult()
  readonly result?: unknown;
}

export class ListAllSessionsParameters {
  @ApiPropertyOptional({ enum: SESSION_STATUSES })
  @IsOptional()
  @IsIn(SESSION_STATUSES, { message: `one of ${SESSION_STATUSES.join(', ')} is accepted` })
  readonly status?: SessionStatus;

  @ApiPropertyOptional({ minimum: 1, maximum: 1000, default: 100, type: 'integer' })
  @WholeNumber(1, 1000)
  readonly limit: number = 100;

  @ApiPropertyOptional({ description: '`next` of the page before' })
  @IsOptional()
  @IsString({ message: 'the `next` of an earlier page is accepted' })
  @MaxLength(1000, { message: 'the `next` of an earlier page is accepted' })
  readonly after?: string;
}

export class ListSessionsParameters extends ListAllSessionsParameters {
  @ApiPropertyOptional({ pattern: TOPIC_ID.source })
  @IsOptional()
  @Matches(TOPIC_ID, { message: TOPIC_ID_ACCEPTED })
  readonly topic_id?: string;
}

export class ListMessagesParameters {
  @ApiPropertyOptional({
    minimum: 0,
    maximum: 1_000_000_000,
    default: 0,
    type: 'integer',
    description: 'Number of the last message that you have: `next` of the page before',
  })
  @WholeNumber(0, 1_000_000_000)
  readonly after: number = 0;

  @ApiPropertyOptional({ minimum: 1, maximum: 200, default: 50, type: 'integer' })
  @WholeNumber(1, 200)
  readonly limit: number = 50;
}
