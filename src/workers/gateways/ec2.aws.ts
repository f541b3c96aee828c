import { LRUCache } from 'lru-cache';
import { DormouseError, messageOf } from '../../platform/errors.js';
import type { WorkerStatus } from '../domain/worker-status.js';
import { workerStatusOf } from '../domain/worker-status.js';
import { Ec2, Ec2Refused, Ec2Unavailable } from './ec2.port.js';
import type { Ec2Instance, PowerChange } from './ec2.port.js';
import { RetryWhenNothingWasDone } from './ec2-retry.js';
import type { DescribeInstancesCommandOutput, EC2Client, Instance, InstanceStateChange } from './ec2-sdk.js';
import type * as EC2Sdk from './ec2-sdk.js';

export interface AwsEc2Options {
  readonly connectionTimeoutMs?: number;
  /** For one attempt. */
  readonly requestTimeoutMs?: number;
  /** For one call with all its attempts and waits. */
  readonly callTimeoutMs?: number;
  /** Attempts of one call when EC2 throttles it, the first included. */
  readonly maxAttempts?: number;
  /** Of the waits between attempts, 0 to 1. */
  readonly random?: () => number;
}

/** EC2 takes at most so many values in one filter. */
const MAX_FILTER_VALUES = 200;

/** EC2's largest page, which it allows without a list of ids. */
const PAGE_SIZE = 1_000;

/** Clients of so many regions are kept; there are fewer regions, but their names come from outside. */
const MAX_REGIONS = 40;

type Sdk = typeof EC2Sdk;

/** One region's clients: what only reads may be repeated after anything, what changes something may not. */
interface RegionClients {
  readonly reading: EC2Client;
  readonly changing: EC2Client;
}

/**
 * EC2 through the AWS SDK, which finds credentials and endpoint (`AWS_ENDPOINT_URL_EC2`) by its own rules. The SDK is
 * loaded at the first call.
 */
export class AwsEc2 extends Ec2 {
  private readonly regions = new LRUCache<string, RegionClients>({
    max: MAX_REGIONS,
    dispose: ({ reading, changing }) => {
      reading.destroy();
      changing.destroy();
    },
  });

  constructor(private readonly options: AwsEc2Options = {}) {
    super();
  }

  async describeInstances(region: string, instanceIds: readonly string[]): Promise<ReadonlyMap<string, Ec2Instance>> {
    const asked = new Set(instanceIds);
    const found = new Map<string, Ec2Instance>();
    if (asked.size === 0) return found;
    await this.call(region, async (sdk, { reading }, abortSignal) => {
      // As a filter, not as ids: EC2 refuses a list of ids for one that it does not know, and a filter only finds the rest.
      const few = asked.size <= MAX_FILTER_VALUES;
      const query = few ? { Filters: [{ Name: 'instance-id', Values: [...asked] }] } : {};
      let nextToken: string | undefined;
      do {
        const page: DescribeInstancesCommandOutput = await reading.send(
          new sdk.DescribeInstancesCommand({ ...query, MaxResults: PAGE_SIZE, NextToken: nextToken }),
          { abortSignal },
        );
        for (const instance of instancesOn(page))
          if (asked.has(instance.instanceId)) found.set(instance.instanceId, instance);
        nextToken = page.NextToken;
      } while (nextToken);
    });
    return found;
  }

  async stopInstance(region: string, instanceId: string, assertAllowed?: () => void): Promise<PowerChange> {
    return this.call(region, async (sdk, { changing }, abortSignal) => {
      const command = new sdk.StopInstancesCommand({ InstanceIds: [instanceId] });
      if (assertAllowed) command.middlewareStack.add(asking(assertAllowed), BEFORE_EACH_ATTEMPT);
      const { StoppingInstances } = await changing.send(command, { abortSignal });
      return powerChangeOf(instanceId, StoppingInstances, ['stopping', 'stopped']);
    });
  }

  async startInstance(region: string, instanceId: string, assertAllowed?: () => void): Promise<PowerChange> {
    return this.call(region, async (sdk, { changing }, abortSignal) => {
      const command = new sdk.StartInstancesCommand({ InstanceIds: [instanceId] });
      if (assertAllowed) command.middlewareStack.add(asking(assertAllowed), BEFORE_EACH_ATTEMPT);
      const { StartingInstances } = await changing.send(command, { abortSignal });
      return powerChangeOf(instanceId, StartingInstances, ['pending', 'running']);
    });
  }

  close(): void {
    this.regions.clear();
  }

  private async call<T>(
    region: string,
    work: (sdk: Sdk, clients: RegionClients, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const sdk = await import('./ec2-sdk.js');
    try {
      return await work(sdk, this.clients(sdk, region), AbortSignal.timeout(this.options.callTimeoutMs ?? 60_000));
    } catch (error) {
      throw explain(sdk, error);
    }
  }

  private clients(sdk: Sdk, region: string): RegionClients {
    const known = this.regions.get(region);
    if (known !== undefined) return known;
    const { maxAttempts = 5, random = Math.random } = this.options;
    const common = {
      region,
      maxAttempts,
      requestHandler: {
        connectionTimeout: this.options.connectionTimeoutMs ?? 5_000,
        requestTimeout: this.options.requestTimeoutMs ?? 20_000,
        // Without this the SDK only warns about the time-out, and waits on.
        throwOnRequestTimeout: true,
      },
    };
    const clients = {
      reading: new sdk.EC2Client({ ...common, retryMode: 'standard' }),
      changing: new sdk.EC2Client({ ...common, retryStrategy: new RetryWhenNothingWasDone(maxAttempts, random) }),
    };
    this.regions.set(region, clients);
    return clients;
  }
}

/** The last step before the wire, inside of the SDK's retries. */
const BEFORE_EACH_ATTEMPT = { step: 'finalizeRequest', priority: 'low', name: 'assertAllowed' } as const;

/**
 * Calls `assertAllowed` before each attempt, repeats of a throttled one included: between two of them a process may have
 * been frozen for longer than it holds its lease.
 */
function asking(assertAllowed: () => void) {
  return <A, R>(next: (args: A) => Promise<R>): ((args: A) => Promise<R>) =>
    (args) => {
      assertAllowed();
      return next(args);
    };
}

/**
 * What EC2 says it did. The SDK takes any well-formed XML with a 200, a captive portal's page too, for an answer that
 * says nothing: only EC2's word on this very instance counts as done.
 */
function powerChangeOf(
  instanceId: string,
  changes: readonly InstanceStateChange[] | undefined,
  expected: readonly WorkerStatus[],
): PowerChange {
  const change = changes?.find((candidate) => candidate.InstanceId === instanceId);
  if (change === undefined) throw unexpected(`it says nothing of ${instanceId}`);
  const status = workerStatusOf(change.CurrentState?.Name);
  if (!expected.includes(status)) throw unexpected(`${instanceId} is '${change.CurrentState?.Name ?? ''}' after it`);
  return { status, previousStatus: workerStatusOf(change.PreviousState?.Name) };
}

function unexpected(why: string): Ec2Unavailable {
  return new Ec2Unavailable('UnexpectedAnswer', `the answer is not one of EC2's to this call: ${why}`);
}

function instancesOn(page: DescribeInstancesCommandOutput): Ec2Instance[] {
  // EC2 sends the list even when it is empty. Without it this is not EC2, and knows nothing of any instance.
  if (page.Reservations === undefined) throw unexpected('it has no list of reservations');
  const instances = page.Reservations.flatMap((reservation) => reservation.Instances ?? []);
  return instances.flatMap((instance) => (instance.InstanceId ? [toInstance(instance.InstanceId, instance)] : []));
}

function toInstance(instanceId: string, instance: Instance): Ec2Instance {
  const tags = (instance.Tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? ''] as const);
  return {
    instanceId,
    state: instance.State?.Name ?? 'unknown',
    status: workerStatusOf(instance.State?.Name),
    instanceType: instance.InstanceType ?? null,
    launchTime: instance.LaunchTime?.getTime() ?? null,
    tags: Object.fromEntries(tags),
    privateIpAddress: instance.PrivateIpAddress ?? null,
    publicIpAddress: instance.PublicIpAddress || null,
    availabilityZone: instance.Placement?.AvailabilityZone ?? null,
    stateTransitionReason: instance.StateTransitionReason || null,
  };
}

/** Throttled: nothing was done, but EC2 did not say no. */
const THROTTLING = /Throttl|RequestLimitExceeded|SlowDown/;

/** A 5xx by its number, but a certain no by its meaning. */
const CERTAIN_IN_SPITE_OF_5XX = new Set(['InsufficientInstanceCapacity', 'InsufficientHostCapacity']);

/** What an error of the SDK means for the caller: EC2 said no, or nobody knows. */
function explain(sdk: Sdk, error: unknown): DormouseError {
  if (error instanceof DormouseError) return error;
  const code = codeOf(error);
  if (code === 'CredentialsProviderError') {
    const advice = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the host a role';
    return new Ec2Refused('CredentialsUnavailable', `no AWS credentials (${messageOf(error)}); ${advice}`, {
      cause: error,
    });
  }
  if (error instanceof sdk.EC2ServiceException && isCertainNo(code, error.$metadata.httpStatusCode)) {
    return new Ec2Refused(code, error.message, { cause: error });
  }
  return new Ec2Unavailable(code, messageOf(error), { cause: error });
}

function isCertainNo(code: string, httpStatus: number | undefined): boolean {
  if (CERTAIN_IN_SPITE_OF_5XX.has(code)) return true;
  if (httpStatus === undefined || httpStatus < 400 || httpStatus >= 500) return false;
  return httpStatus !== 408 && httpStatus !== 429 && !THROTTLING.test(code) && !code.startsWith('RequestTimeout');
}

/** The error's own word for itself: a connection's code (`ECONNREFUSED`), or the name that EC2 or the SDK gave it. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'UnknownError';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && typeof error.name === 'string' ? error.name : 'UnknownError';
}
