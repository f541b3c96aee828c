import {
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { SystemClock } from '../../src/platform/clock.js';
import { Ec2Server } from '../../src/simulated-lab/ec2-server.js';
import type { SeededRandom } from '../../src/simulated-lab/seeded-random.js';

export const REGION = 'us-east-1';

/** Nobody checks them; the SDK only wants some. */
export const CREDENTIALS = { accessKeyId: 'AKIDCRASHTEST', secretAccessKey: 'crash-test' };

/** The EC2 behind the recording proxy. */
export interface Ec2Backend {
  readonly name: 'lab' | 'moto';
  readonly url: string;
  /** A running instance. @returns its id */
  launch(name: string): Promise<string>;
  /** EC2's name of the state it is in. */
  stateOf(instanceId: string): Promise<string>;
  stop(): Promise<void>;
}

/** The simulated lab's EC2: an instance takes a moment to stop and to start, as a real one does. */
export async function labEc2(random: SeededRandom): Promise<Ec2Backend> {
  const clock = new SystemClock();
  const server = new Ec2Server({ clock: () => clock.now(), stoppingMs: 80, pendingMs: 80 });
  const url = await server.start();
  return {
    name: 'lab',
    url,
    launch: (name) => {
      const instanceId = `i-${random.hex(17)}`;
      server.instances.add({ instanceId, region: REGION, tags: { Name: name } });
      return Promise.resolve(instanceId);
    },
    stateOf: (instanceId) => Promise.resolve(server.instances.get(instanceId).state),
    stop: () => server.stop(),
  };
}

/** A moto server that runs already; its instances change state at once. They are terminated at the end. */
export function motoEc2(url: string): Ec2Backend {
  const client = new EC2Client({ endpoint: url, region: REGION, credentials: CREDENTIALS });
  const launched: string[] = [];
  return {
    name: 'moto',
    url,
    launch: async (name) => {
      const tags = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'Name', Value: name }] }];
      const { Instances } = await client.send(
        new RunInstancesCommand({ ImageId: 'ami-12c6146b', MinCount: 1, MaxCount: 1, TagSpecifications: tags }),
      );
      const instanceId = Instances?.[0]?.InstanceId;
      if (instanceId === undefined) throw new Error('moto launched no instance.');
      launched.push(instanceId);
      return instanceId;
    },
    stateOf: async (instanceId) => {
      const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
      return Reservations?.[0]?.Instances?.[0]?.State?.Name ?? 'unknown';
    },
    stop: async () => {
      if (launched.length > 0) await client.send(new TerminateInstancesCommand({ InstanceIds: launched }));
      client.destroy();
    },
  };
}
