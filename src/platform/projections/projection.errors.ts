import { DormouseError, NotFound } from '../errors.js';

/** No projection is registered under this name. */
export class UnknownProjection extends NotFound {
  constructor(name: string) {
    super('Projection', name, 'projection_not_found');
  }
}

/** The projection has not yet been able to open its read model, so it answers nothing rather than too little. */
export class ProjectionNotReady extends DormouseError {
  /** @param why what keeps it from that, when something does */
  constructor(name: string, why?: string) {
    const reason = why === undefined ? '.' : ` (${why.replace(/\.$/, '')}).`;
    super('projection_not_ready', 503, `The read model '${name}' is not open yet${reason} Try again.`);
  }
}

/** A rebuild or a verification is under way, which this must not be mixed with. */
export class ProjectionBusy extends DormouseError {
  constructor(name: string, operation: string) {
    super('projection_busy', 409, `A ${operation} of projection '${name}' is under way. Try again when it is done.`);
  }
}

/** The documents in use were made by another version of the projection; a rebuild replaces them. */
export class ProjectionOutdated extends DormouseError {
  constructor(name: string, active: number, registered: number) {
    super(
      'projection_outdated',
      409,
      `The documents of projection '${name}' are of version ${active}, this program has version ${registered}. Rebuild it first.`,
    );
  }
}

/** Another instance runs the projection; it has to be asked. */
export class ProjectionRunsElsewhere extends DormouseError {
  /** @param instance its name, when it has been seen */
  constructor(name: string, instance: string | null) {
    const who = instance === null ? 'Another instance' : `Instance '${instance}'`;
    super('projection_runs_elsewhere', 409, `${who} runs projection '${name}'. Ask that one.`, { instance });
  }
}

/** The stream is not parked for this projection. */
export class StreamNotParked extends DormouseError {
  constructor(projection: string, stream: string) {
    super('stream_not_parked', 404, `Stream '${stream}' is not parked for projection '${projection}'.`);
  }
}

/** What was built is not what its events make; the old read model stays in use. */
export class RebuildCheckFailed extends DormouseError {
  constructor(projection: string, why: string) {
    super('rebuild_check_failed', 500, `The rebuilt projection '${projection}' was not taken into use: ${why}`);
  }
}
