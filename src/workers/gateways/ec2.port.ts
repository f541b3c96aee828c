import { DormouseError } from '../../platform/errors.js';
import type { WorkerStatus } from '../domain/worker-status.js';

/** What the service needs of EC2. */
export abstract class Ec2 {
  /**
   * The instances of `instanceIds` that EC2 knows in this region, by id: one paged call.
   * @throws {Ec2Refused} @throws {Ec2Unavailable}
   */
  abstract describeInstances(region: string, instanceIds: readonly string[]): Promise<ReadonlyMap<string, Ec2Instance>>;

  /**
   * Asks EC2 to stop the instance, once: repeated only when EC2 throttled the call and so did nothing.
   * @param assertAllowed called right before each attempt goes out; what it throws ends the call, nothing being sent
   * @returns the state EC2 says the instance is in now, `stopping` or `stopped`, and the one it was in before
   * @throws {Ec2Refused} EC2 said no @throws {Ec2Unavailable} it may or may not have been done
   */
  abstract stopInstance(region: string, instanceId: string, assertAllowed?: () => void): Promise<PowerChange>;

  /** Asks EC2 to start the instance; as {@link stopInstance}, with `pending` or `running`. */
  abstract startInstance(region: string, instanceId: string, assertAllowed?: () => void): Promise<PowerChange>;

  abstract close(): void;
}

/** EC2's answer to a stop or start. Equal or alike states mean that there was nothing to do for EC2. */
export interface PowerChange {
  readonly status: WorkerStatus;
  /** `unknown` when EC2 does not say. */
  readonly previousStatus: WorkerStatus;
}

export interface Ec2Instance {
  readonly instanceId: string;
  /** EC2's own word. */
  readonly state: string;
  readonly status: WorkerStatus;
  readonly instanceType: string | null;
  /** Epoch ms of the last start, as EC2 says. */
  readonly launchTime: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly privateIpAddress: string | null;
  readonly publicIpAddress: string | null;
  readonly availabilityZone: string | null;
  /** EC2's text about the last change of state, e.g. `User initiated (2026-01-01 10:00:00 GMT)`; null when empty. */
  readonly stateTransitionReason: string | null;
}

/** 502: EC2 said no, for certain. `details.ec2_code` is EC2's own code, e.g. `UnauthorizedOperation`. */
export class Ec2Refused extends DormouseError {
  constructor(
    readonly ec2Code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super('ec2_refused', 502, `EC2 refused: ${ec2Code}: ${message}`, { ec2_code: ec2Code }, options);
  }
}

/** 502: no usable answer came (time-out, connection, 5xx, an answer that is not EC2's); whether EC2 did it is unknown. */
export class Ec2Unavailable extends DormouseError {
  constructor(
    readonly ec2Code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super('ec2_unavailable', 502, `EC2 did not answer: ${ec2Code}: ${message}`, { ec2_code: ec2Code }, options);
  }
}
