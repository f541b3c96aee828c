/**
 * What is stored of a CML worker, and what services outside get to see of it. When a stored shape changes: raise its
 * version, add `upcasters[old]`, and commit a sample of the new version beside the old ones (domain/samples). A published
 * shape stays as it is (docs/decisions/0024-event-contracts.md).
 */
import { eventCategory } from '../../platform/contracts/event-category.js';
import {
  count,
  flag,
  foreignObject,
  group,
  listOf,
  minutes,
  nullable,
  oneOf,
  text,
  time,
  uuid,
} from '../../platform/contracts/fields.js';
import type { CMLWorkerEvent } from '../domain/cml-worker.events.js';
import { CMLWorker } from '../domain/cml-worker.js';
import { WORKER_STATUSES } from '../domain/worker-status.js';

const IDLE_BASES = ['last_activity_at', 'last_resumed_at', 'registered_at'] as const;
const THRESHOLD_SOURCES = ['worker', 'setting'] as const;

const status = (description: string) => oneOf(WORKER_STATUSES, description);
const ownTimeout = (description: string) => nullable(minutes(description), 'the setting holds');

/** Who did something: a user's id, or `system`. */
const actor = (description: string) => text(`${description}: a user’s id, or \`system\``);

const idleBase = {
  idle_since: time('The latest of last activity, last resume and registration'),
  idle_since_source: oneOf(IDLE_BASES, 'Which of them it is'),
  idle_threshold_minutes: minutes('The idle timeout that held'),
  idle_threshold_source: oneOf(THRESHOLD_SOURCES, 'Where it comes from: the worker’s own, or the setting'),
};

const evidence = group('What was known when the pause was decided or seen', {
  last_activity_at: nullable(time('The last activity of a user'), 'none was ever seen'),
  last_activity_event: nullable(
    group('The telemetry event that it was', {
      timestamp: time('Its time, by CML’s clock'),
      category: text('Its category, such as `user_activity`'),
    }),
    'none was ever seen',
  ),
  ...idleBase,
  checked_at: nullable(time('The last successful check of the telemetry'), 'there was none'),
});

const decision = group('What the check decided, with its numbers', {
  reason: oneOf(['recent_activity', 'not_idle_yet', 'in_snooze_period', 'idle_timeout_exceeded'], 'Why, in a word'),
  idle_since: idleBase.idle_since,
  idle_since_source: idleBase.idle_since_source,
  idle_duration_minutes: minutes('From `idle_since` to the check'),
  idle_threshold_minutes: idleBase.idle_threshold_minutes,
  idle_threshold_source: idleBase.idle_threshold_source,
  target_pause_at: time('When a pause is due if no activity comes: the end of the timeout or of the snooze'),
  snooze_until: nullable(time('End of the protection that follows a resume'), 'none holds'),
  not_acted_because: nullable(
    oneOf(
      ['auto_pause_disabled', 'idle_detection_disabled', 'not_running', 'clock_uncertain'],
      'Why idleness is not acted on; that it would have been is recorded all the same',
    ),
    'it is acted on, or there is none',
  ),
});

const pauseId = uuid('Names the intent, in its request and in what became of it');
const resumeId = uuid('Names the intent, in its request and in what became of it');
const refusalDetail = nullable(text('What EC2 or CML said'), 'there is nothing to add to the reason');

export const cmlWorkerContract = eventCategory<CMLWorkerEvent>()({
  category: CMLWorker.category,
  kind: 'cml_worker',
  summary: 'A CML worker on EC2. The worker id is a UUIDv5 of region and instance id.',
  id: { worker_id: uuid('UUIDv5 of region and instance id') },
  types: {
    WorkerRegistered: {
      version: 1,
      summary: 'an EC2 instance became a worker',
      schema: {
        worker_id: uuid('UUIDv5 of region and instance id'),
        aws_region: text('Region of the instance'),
        aws_instance_id: text('Id of the instance'),
        name: text('Its name, for people'),
        cml_endpoint: nullable(text('URL of its CML server'), 'not known: its telemetry cannot be read'),
        idle_timeout_minutes: ownTimeout('Idle timeout of its own'),
        status: status('What EC2 said of the instance'),
        registered_by: actor('Who registered it'),
        registered_at: time('When; idleness is counted from here until there is activity'),
      },
      published: { type: 'dormouse.cml_worker.registered.v1' },
    },
    WorkerStatusChanged: {
      version: 1,
      summary: 'EC2 says another state, and no pause or resume explains it',
      schema: {
        previous_status: status('What EC2 said before'),
        status: status('What EC2 says now; `unknown` is a state that the service does not know'),
        observed_at: time('When EC2 was asked'),
      },
      published: { type: 'dormouse.cml_worker.status_changed.v1' },
    },
    WorkerActivityUpdated: {
      version: 1,
      summary: 'every successful check, whatever it decided; a failed check writes nothing',
      schema: {
        checked_at: time('When the check was made'),
        last_activity_at: nullable(time('The last activity of a user, this check’s included'), 'none was ever seen'),
        new_activity_count: count('Relevant telemetry events that no check had seen before'),
        recent_activity_events: listOf(
          group('A telemetry event that counts as activity', {
            timestamp: time('Its time, by CML’s clock'),
            category: text('Its category, such as `user_activity`'),
            data: foreignObject('What CML says of it; `{truncated, size_bytes}` in place of more than 8 KB'),
          }),
          'The latest of them, newest first, of this check and of those before',
        ),
        next_idle_check_at: time('When the next check is to come'),
        target_pause_at: nullable(time('When a pause is due if no activity comes'), 'it is not running'),
        telemetry_event_count: count('Events in CML’s answer'),
        telemetry_malformed_count: count('Those of them that could not be read, and were skipped'),
        telemetry_memory: group('What CML has shown so far; the next check goes on from here', {
          watermark: nullable(time('Newest timestamp that CML has shown'), 'none yet'),
          since: nullable(time('Relevant events newer than this are recognised by `seen`'), 'none yet'),
          seen: listOf(text('Fingerprint of an event'), 'Those that were counted already'),
        }),
        decision,
      },
      published: {
        type: 'dormouse.cml_worker.activity_updated.v1',
        without: ['telemetry_memory', 'recent_activity_events'],
        note: 'What the users did in CML is not published.',
      },
    },
    WorkerPauseRequested: {
      version: 1,
      summary: 'the intent to stop it, before EC2 is asked',
      schema: {
        pause_id: pauseId,
        reason: oneOf(['idle_timeout', 'manual'], 'Why'),
        requested_by: actor('Who wants it'),
        requested_at: time('When'),
        idle_duration_minutes: nullable(minutes('How long it was idle'), 'the reason is not `idle_timeout`'),
        evidence,
      },
      published: { type: 'dormouse.cml_worker.pause_requested.v1' },
    },
    WorkerPauseAbandoned: {
      version: 1,
      summary: 'the intent was given up; the instance was not stopped for it',
      schema: {
        pause_id: pauseId,
        reason: oneOf(
          [
            'recent_activity',
            'resume_requested',
            'no_longer_due',
            'decided_afresh',
            'telemetry_unavailable',
            'ec2_refused',
            'terminated',
            'already_down',
          ],
          'Why; `already_down`: somebody else had stopped it before our stop',
        ),
        detail: refusalDetail,
        abandoned_at: time('When'),
      },
      published: { type: 'dormouse.cml_worker.pause_abandoned.v1' },
    },
    WorkerPaused: {
      version: 1,
      summary: 'the instance was stopped: by us, or seen stopped from outside',
      schema: {
        pause_id: nullable(pauseId, 'the service did not stop it'),
        reason: oneOf(['idle_timeout', 'manual', 'external'], 'Why'),
        paused_by: text('Who: a user’s id, `system`, or `external` when it was not the service'),
        paused_at: time('When it was recorded'),
        idle_duration_minutes: nullable(minutes('How long it was idle'), 'the reason is not `idle_timeout`'),
        auto_pause_count: count('Pauses for `idle_timeout` so far, with this one'),
        manual_pause_count: count('Pauses for `manual` so far, with this one'),
        external_pause_count: count('Pauses for `external` so far, with this one'),
        status: status('What EC2 said of the instance'),
        evidence,
      },
      published: { type: 'dormouse.cml_worker.paused.v1' },
    },
    WorkerResumeRequested: {
      version: 1,
      summary: 'the intent to start it, before EC2 is asked',
      schema: {
        resume_id: resumeId,
        reason: oneOf(['manual', 'auto'], 'Why'),
        requested_by: actor('Who wants it'),
        requested_at: time('When'),
      },
      published: { type: 'dormouse.cml_worker.resume_requested.v1' },
    },
    WorkerResumeAbandoned: {
      version: 1,
      summary: 'the intent was given up',
      schema: {
        resume_id: resumeId,
        reason: oneOf(
          ['pause_requested', 'ec2_refused', 'terminated', 'already_up'],
          'Why; `already_up`: somebody else had started it before our start',
        ),
        detail: refusalDetail,
        abandoned_at: time('When'),
      },
      published: { type: 'dormouse.cml_worker.resume_abandoned.v1' },
    },
    WorkerResumed: {
      version: 1,
      summary: 'the instance was started: by us, or seen running from outside',
      schema: {
        resume_id: nullable(resumeId, 'the service did not start it'),
        reason: oneOf(['manual', 'external', 'auto'], 'Why'),
        resumed_by: text('Who: a user’s id, `system`, or `external` when it was not the service'),
        resumed_at: time('When it was recorded; it is protected from automatic pauses for a while from here'),
        auto_resume_count: count('Resumes for `auto` so far, with this one'),
        manual_resume_count: count('Resumes for `manual` so far, with this one'),
        external_resume_count: count('Resumes for `external` so far, with this one'),
        was_auto_paused: flag('The pause that this ends was for `idle_timeout`'),
        status: status('What EC2 said of the instance'),
      },
      published: { type: 'dormouse.cml_worker.resumed.v1' },
    },
    WorkerIdleDetectionToggled: {
      version: 1,
      summary: 'detection switched on or off',
      schema: {
        is_idle_detection_enabled: flag('Whether it is on from now'),
        changed_by: actor('Who'),
        changed_at: time('When'),
      },
      published: { type: 'dormouse.cml_worker.idle_detection_toggled.v1' },
    },
    WorkerPolicyChanged: {
      version: 1,
      summary: 'its own timeout set or cleared',
      schema: {
        previous_idle_timeout_minutes: ownTimeout('What it was'),
        idle_timeout_minutes: ownTimeout('What it is from now'),
        changed_by: actor('Who'),
        changed_at: time('When'),
      },
      published: { type: 'dormouse.cml_worker.policy_changed.v1' },
    },
    WorkerDeregistered: {
      version: 1,
      summary: 'the service forgot it; the instance was left alone',
      schema: {
        deregistered_by: actor('Who'),
        deregistered_at: time('When'),
      },
      published: { type: 'dormouse.cml_worker.deregistered.v1' },
    },
  },
});
