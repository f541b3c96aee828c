import type { LabAnnouncement } from '../../simulated-lab/lab-announcement.js';
import type { WorkerDto } from '../../workers/http/workers.answers.js';
import type { Terminal } from '../terminal.js';
import { duration, minutes, printable, timeOfDay } from '../text.js';
import { COACHED } from './demo-coaching.js';
import type { CoachedPerson } from './demo-coaching.js';
import { DEMO_SETTINGS, DEMO_TOPIC } from './demo-plan.js';
import type { DemoPlan } from './demo-plan.js';
import type { Told } from './narrator.js';

const COLOURS = {
  auto_pause: 'bold',
  session_pause: 'bold',
  pause: 'bold',
  resume: 'cyan',
  decision: 'yellow',
  doubt: 'magenta',
  lab: 'dim',
} as const;

/** Prints a line of the demo, and what belongs to it below. */
export function tell(terminal: Terminal, told: Told): void {
  const { at, who, text, more = [], tone } = told;
  const name = printable(who).padEnd(20);
  const words = printable(text);
  const shown = terminal.paint(COLOURS[tone], /_pause$/.test(tone) ? terminal.paint('inverse', `>>> ${words}`) : words);
  terminal.out(`${timeOfDay(at)}  ${name}  ${shown}`);
  for (const line of more) terminal.out(`${' '.repeat(32)}${printable(line)}`);
}

/** What a person has to know before the story begins. */
export function header(
  terminal: Terminal,
  plan: DemoPlan,
  files: { readonly log: string },
  lab: LabAnnouncement,
  url: string,
  workers: readonly WorkerDto[],
  session: CoachedPerson,
): void {
  const bold = (text: string): string => terminal.paint('bold', text);
  const storyOf = new Map(lab.workers.map(({ aws_instance_id, story }) => [aws_instance_id, story]));
  const lines = [
    '',
    bold('SIMULATED LAB: none of these workers and people exists, and no cloud is touched.'),
    'The service is the ordinary one, pointed at the lab by its environment only.',
    '',
    ...workers.map(({ name, aws_instance_id }) => `  ${name.padEnd(20)}  ${storyOf.get(aws_instance_id) ?? ''}`),
    `  ${COACHED.user.padEnd(20)}  a person in a coaching session: she forgets it, and comes back to it with a message`,
    '',
    `  service   ${url}  (browsable: ${url}/docs)`,
    ...(plan.takenPort === null ? [] : [`            port ${plan.takenPort} is taken, so this is another one`]),
    `  lab       ${lab.ec2_endpoint}/_lab`,
    `  data      ${plan.dataDirectory}${plan.temporary ? '  (temporary, removed at the end)' : ''}`,
    ...(plan.sharedStores.length === 0
      ? []
      : [`  stores    ${plan.sharedStores.join(', ')}: what is written there stays`]),
    `  log       ${files.log}`,
    `  settings  ${settingsText()}`,
    `            ${coachingSettingsText()}`,
    '',
    bold(`Open ${url}/ in a browser: lab-idle counts down there, and is paused.`),
    '',
    bold('Or try in another terminal:'),
    ...[...curlLines(url, lab, workers), sessionCurl(url, session)].map((line) => `  ${line}`),
    '',
    'What happens now (times are UTC; Ctrl-C ends everything):',
    '',
  ];
  for (const line of lines) terminal.out(line);
}

/** The end, in one line. */
export function epilogue(terminal: Terminal, autoPauses: number): void {
  const seen = autoPauses === 0 ? 'no auto-pause' : autoPauses === 1 ? 'one auto-pause' : `${autoPauses} auto-pauses`;
  terminal.out('');
  terminal.out(`The demo ends: ${seen} of workers seen. The simulated lab and the service are being stopped.`);
}

function curlLines(url: string, lab: LabAnnouncement, workers: readonly WorkerDto[]): string[] {
  const path = `${url}/region/${lab.region}/workers`;
  const instance = lab.workers.find(({ behaviour }) => behaviour === 'idle')?.aws_instance_id;
  const idle = workers.find(({ aws_instance_id }) => aws_instance_id === instance);
  if (!idle) return [`curl -s ${path}`];
  return [
    `curl -s ${path}`,
    `curl -s ${path}/${idle.worker_id}/activity`,
    `curl -s ${path}/${idle.worker_id}/idle-status`,
  ];
}

function sessionCurl(url: string, { path }: CoachedPerson): string {
  return `curl -s ${url}${path} -H 'X-Tenant-Id: ${COACHED.tenant}' -H 'X-User-Id: ${COACHED.user}'`;
}

const seconds = (text: string): string => duration(Number(text) * 1000);

function settingsText(): string {
  return [
    `idle timeout ${minutes(Number(DEMO_SETTINGS.WORKER_IDLE_TIMEOUT_MINUTES))}`,
    `a check every ${seconds(DEMO_SETTINGS.WORKER_ACTIVITY_DETECTION_INTERVAL)}`,
    `a look at EC2 every ${seconds(DEMO_SETTINGS.WORKER_STATUS_SYNC_INTERVAL)}`,
    `snooze ${minutes(Number(DEMO_SETTINGS.WORKER_AUTO_PAUSE_SNOOZE_MINUTES))} after a resume`,
  ].join(', ');
}

function coachingSettingsText(): string {
  return [
    `a coaching session is paused after ${minutes(DEMO_TOPIC.inactivity_timeout_minutes)} of silence`,
    `looked for every ${seconds(DEMO_SETTINGS.COACHING_AUTO_PAUSE_INTERVAL)}`,
  ].join(', ');
}
