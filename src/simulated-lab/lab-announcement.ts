import type { BehaviourName } from './behaviours.js';

/** What a program needs to know to use the lab. */
export interface LabAnnouncement {
  readonly simulated: true;
  readonly ec2_endpoint: string;
  readonly region: string;
  /** CML's. */
  readonly username: string;
  readonly password: string;
  readonly workers: readonly {
    readonly name: string;
    readonly aws_instance_id: string;
    readonly cml_endpoint: string;
    readonly behaviour: BehaviourName;
    readonly story: string;
  }[];
}
