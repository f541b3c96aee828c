import { Ec2Error } from './ec2-error.js';
import { jsonAnswer } from './http-listener.js';
import type { HttpAnswer, HttpRequest } from './http-listener.js';
import type { Ec2Server } from './ec2-server.js';
import type { LabAnnouncement } from './lab-announcement.js';
import type { LabWorker } from './lab-worker.js';

/** The lab as its control surface sees it. */
export interface ControlledLab {
  readonly ec2: Ec2Server;
  readonly workers: readonly LabWorker[];
  worker(name: string): LabWorker;
  announcement(): LabAnnouncement;
}

const WORKER_PATH = /^\/_lab\/workers\/([^/]+)\/(use|stop|start)$/;

/**
 * The lab's own surface, under a path that EC2 never uses:
 * - `GET /_lab`: the workers and the commands that EC2 received
 * - `POST /_lab/workers/{name}/use`: a user does something there; 409 while its CML does not answer
 * - `POST /_lab/workers/{name}/stop`, `/start`: somebody does that in the EC2 console; 409 when EC2 refuses
 */
export function controlOf(lab: ControlledLab, request: HttpRequest): HttpAnswer {
  if (request.path === '/_lab' && request.method === 'GET') return jsonAnswer(200, stateOf(lab));
  const [, name = '', verb] = WORKER_PATH.exec(request.path) ?? [];
  if (verb === undefined) return failure(404, 'The simulated lab has no such path.');
  if (request.method !== 'POST') return failure(405, 'Use POST.');
  const worker = lab.workers.find((candidate) => candidate.name === decodeURIComponent(name));
  if (!worker) return failure(404, `The simulated lab has no worker '${name}'.`);
  return verb === 'use' ? used(worker) : switched(worker, verb === 'stop');
}

function used(worker: LabWorker): HttpAnswer {
  const text = worker.use();
  return text === null
    ? failure(409, `CML on '${worker.name}' does not answer: the instance is ${worker.state}.`)
    : jsonAnswer(200, { simulated: true, worker: worker.name, text });
}

function switched(worker: LabWorker, off: boolean): HttpAnswer {
  try {
    if (off) worker.stopFromConsole();
    else worker.startFromConsole();
    return jsonAnswer(200, { simulated: true, worker: worker.name, state: worker.state });
  } catch (error) {
    if (error instanceof Ec2Error) return failure(409, error.message);
    throw error;
  }
}

function stateOf(lab: ControlledLab): object {
  const announcement = lab.announcement();
  return {
    ...announcement,
    workers: announcement.workers.map((announced) => {
      const worker = lab.worker(announced.name);
      return {
        ...announced,
        state: worker.state,
        cml_answers: worker.cml.running,
        last_use_at: worker.lastUseAt === null ? null : new Date(worker.lastUseAt).toISOString(),
        logins: worker.cml.logins,
        telemetry_reads: worker.cml.telemetryReads,
      };
    }),
    received: lab.ec2.received.map(({ action, region, instanceIds, at, outcome }) => ({
      action,
      region,
      aws_instance_ids: instanceIds,
      at: new Date(at).toISOString(),
      outcome,
    })),
  };
}

function failure(status: number, detail: string): HttpAnswer {
  return jsonAnswer(status, { simulated: true, detail });
}
