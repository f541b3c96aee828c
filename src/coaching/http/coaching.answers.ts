import { ApiProperty } from '@nestjs/swagger';
import { MESSAGE_ROLES } from '../domain/coaching-session.events.js';
import type { MessageRole } from '../domain/coaching-session.events.js';
import { SESSION_STATUSES } from '../domain/coaching-session.js';
import type { PauseReason, SessionStatus } from '../domain/coaching-session.js';
import { TOPIC_STATUSES } from '../queries/list-topics.query.js';
import type { TopicStatus } from '../queries/list-topics.query.js';

const TIME = { type: String, format: 'date-time', example: '2026-01-01T10:00:00.000Z' } as const;
const MAYBE_TIME = { ...TIME, nullable: true } as const;
const MAYBE_TEXT = { type: String, nullable: true } as const;
const MAYBE_NUMBER = { type: Number, nullable: true } as const;
const STATUS = { enum: SESSION_STATUSES } as const;
const MAYBE_STATUS = { type: String, enum: [...SESSION_STATUSES, null], nullable: true } as const;

/** A coaching session. */
export class SessionDto {
  @ApiProperty({ example: 'sess_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01' }) readonly session_id!: string;
  @ApiProperty() readonly tenant_id!: string;
  @ApiProperty() readonly topic_id!: string;
  @ApiProperty() readonly user_id!: string;
  @ApiProperty(STATUS) readonly status!: SessionStatus;
  @ApiProperty() readonly message_count!: number;
  @ApiProperty({ description: 'Messages of the user: what max_turns limits' }) readonly turn_count!: number;
  @ApiProperty({ description: '0: any number' }) readonly max_turns!: number;
  @ApiProperty(TIME) readonly created_at!: string;
  @ApiProperty(TIME) readonly updated_at!: string;
  @ApiProperty(TIME) readonly last_activity_at!: string;
  @ApiProperty(MAYBE_TIME) readonly completed_at!: string | null;
  @ApiProperty(TIME) readonly expires_at!: string;
  @ApiProperty({ ...MAYBE_TEXT, description: 'A user’s id, or `system`' }) readonly paused_by!: string | null;
  @ApiProperty({ ...MAYBE_TEXT, enum: ['manual', 'inactivity', null] }) readonly pause_reason!: PauseReason | null;
  @ApiProperty({ description: 'What came of it: any JSON', oneOf: [{}], nullable: true }) readonly result!: unknown;
}

export class MessageDto {
  @ApiProperty({ description: 'From 1, in the order they were taken' }) readonly message_number!: number;
  @ApiProperty({ enum: MESSAGE_ROLES }) readonly role!: MessageRole;
  @ApiProperty() readonly content!: string;
  @ApiProperty(TIME) readonly recorded_at!: string;
}

/** A session with its newest messages. */
export class SessionWithMessagesDto extends SessionDto {
  @ApiProperty({ type: [MessageDto], description: 'The newest ones, oldest first; all of them: GET .../messages' })
  readonly messages!: readonly MessageDto[];
}

export class SessionStartedDto extends SessionDto {
  @ApiProperty({ description: 'True when your own session goes on; false when a new one was started' })
  readonly resumed!: boolean;
}

export class MessageTakenDto extends SessionDto {
  @ApiProperty({ type: MessageDto }) readonly message!: MessageDto;
  @ApiProperty({ description: 'True when this message brought an automatically paused session back' })
  readonly resumed!: boolean;
}

export class SessionPageDto {
  @ApiProperty({ type: [SessionDto] }) readonly items!: readonly SessionDto[];
  @ApiProperty({ ...MAYBE_TEXT, description: 'Pass as `after` for the next page; null on the last one' })
  readonly next!: string | null;
}

export class MessagePageDto {
  @ApiProperty({ type: [MessageDto] }) readonly items!: readonly MessageDto[];
  @ApiProperty({ ...MAYBE_NUMBER, description: 'Pass as `after` for the next page; null on the last one' })
  readonly next!: number | null;
}

/** A session as those see it who watch over all of them: no word of what was said in it. */
export class SessionOverviewDto {
  @ApiProperty({ example: 'sess_5b0a7d4e-0a9f-5a52-9d6c-1f3c8c8f6a01' }) readonly session_id!: string;
  @ApiProperty() readonly tenant_id!: string;
  @ApiProperty() readonly topic_id!: string;
  @ApiProperty({ description: 'The topic’s id when the topic is gone' }) readonly topic_name!: string;
  @ApiProperty() readonly user_id!: string;
  @ApiProperty({ ...STATUS, description: 'As it is recorded' }) readonly status!: SessionStatus;
  @ApiProperty({ ...MAYBE_TEXT, enum: ['manual', 'inactivity', null] }) readonly pause_reason!: PauseReason | null;
  @ApiProperty({ ...MAYBE_TEXT, description: 'A user’s id, or `system`' }) readonly paused_by!: string | null;
  @ApiProperty(TIME) readonly created_at!: string;
  @ApiProperty(TIME) readonly updated_at!: string;
  @ApiProperty(TIME) readonly last_activity_at!: string;
  @ApiProperty({ description: 'Active, and quiet for longer than its timeout' }) readonly is_idle!: boolean;
  @ApiProperty({ ...MAYBE_NUMBER, description: 'null unless it is active' }) readonly inactive_minutes!: number | null;
  @ApiProperty() readonly timeout_minutes!: number;
  @ApiProperty({ ...MAYBE_TIME, description: 'null unless it is active' }) readonly auto_pause_at!: string | null;
  @ApiProperty(TIME) readonly expires_at!: string;
}

export class SessionOverviewPageDto {
  @ApiProperty({ type: [SessionOverviewDto] }) readonly items!: readonly SessionOverviewDto[];
  @ApiProperty({ ...MAYBE_TEXT, description: 'Pass as `after` for the next page; null on the last one' })
  readonly next!: string | null;
}

/** What a start in the topic would find, as of now. */
export class SessionCheckDto {
  @ApiProperty() readonly has_session!: boolean;
  @ApiProperty(MAYBE_TEXT) readonly session_id!: string | null;
  @ApiProperty({
    ...MAYBE_STATUS,
    description: 'As it counts now: one that is due for its automatic pause is `paused`',
  })
  readonly status!: SessionStatus | null;
  @ApiProperty({ ...MAYBE_STATUS, description: 'As it is recorded' }) readonly actual_status!: SessionStatus | null;
  @ApiProperty() readonly is_idle!: boolean;
  @ApiProperty(MAYBE_NUMBER) readonly inactive_minutes!: number | null;
  @ApiProperty(MAYBE_TIME) readonly auto_pause_at!: string | null;
  @ApiProperty({ description: 'Another user’s session is active in the topic' }) readonly conflict!: boolean;
}

/** A topic, and how far you are in it. */
export class TopicDto {
  @ApiProperty() readonly topic_id!: string;
  @ApiProperty() readonly name!: string;
  @ApiProperty() readonly inactivity_timeout_minutes!: number;
  @ApiProperty() readonly session_ttl_days!: number;
  @ApiProperty({ description: '0: any number' }) readonly max_turns!: number;
  @ApiProperty() readonly resume_on_message!: boolean;
  @ApiProperty({ enum: TOPIC_STATUSES }) readonly status!: TopicStatus;
  @ApiProperty({ ...MAYBE_TEXT, description: 'Your latest session in it' }) readonly session_id!: string | null;
}

export class TopicListDto {
  @ApiProperty({ type: [TopicDto] }) readonly items!: readonly TopicDto[];
}
