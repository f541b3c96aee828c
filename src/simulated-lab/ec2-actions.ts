import { Ec2Error } from './ec2-error.js';
import { STATE_CODES } from './ec2-instances.js';
import type { Ec2Instances, InstanceState, InstanceStateChange, SimulatedInstance } from './ec2-instances.js';
import { filtersOf, matchesPattern, pageOf, unknownFilter } from './ec2-query.js';
import type { Filter } from './ec2-query.js';
import type { XmlContent, XmlFields } from './xml.js';

/** One request of the query protocol, its region taken from the signature. */
export interface Ec2Request {
  readonly action: string;
  readonly region: string;
  readonly params: URLSearchParams;
  /** `InstanceId.N`, in order. */
  readonly instanceIds: readonly string[];
}

/** Does what a request asks for. @returns the content of the answer's root element @throws {Ec2Error} */
export type Ec2Action = (request: Ec2Request, instances: Ec2Instances, maxPageSize: number) => XmlFields;

/** The actions that the lab knows. */
export const EC2_ACTIONS: Readonly<Record<string, Ec2Action>> = {
  DescribeInstances: describeInstances,
  DescribeTags: describeTags,
  StopInstances: (request, instances) => changes(instances.stop(request.region, requiredIds(request))),
  StartInstances: (request, instances) => changes(instances.start(request.region, requiredIds(request))),
};

function describeInstances(request: Ec2Request, instances: Ec2Instances, maxPageSize: number): XmlFields {
  const { params, region, instanceIds } = request;
  const filters = filtersOf(params);
  if (instanceIds.length > 0 && params.has('MaxResults')) {
    throw new Ec2Error(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    );
  }
  const candidates = instanceIds.length > 0 ? instances.find(region, instanceIds) : instances.in(region);
  const found = candidates.filter((instance) => filters.every((filter) => matches(instance, filter)));
  if (instanceIds.length > 0) return { reservationSet: found.map(reservation) };
  const page = pageOf(found, params, maxPageSize);
  return { reservationSet: page.items.map(reservation), ...page.next };
}

function describeTags(request: Ec2Request, instances: Ec2Instances, maxPageSize: number): XmlFields {
  const filters = filtersOf(request.params);
  const tags = instances.in(request.region).flatMap((instance) =>
    Object.entries(instance.tags).map(([key, value]) => ({
      resourceId: instance.instanceId,
      resourceType: 'instance',
      key,
      value,
    })),
  );
  const fieldOf: Record<string, 'resourceId' | 'resourceType' | 'key' | 'value'> = {
    'resource-id': 'resourceId',
    'resource-type': 'resourceType',
    key: 'key',
    value: 'value',
  };
  const found = tags.filter((tag) =>
    filters.every(({ name, values }) => {
      const field = fieldOf[name];
      if (!field) throw unknownFilter(name);
      return values.some((pattern) => matchesPattern(tag[field], pattern));
    }),
  );
  const page = pageOf(found, request.params, maxPageSize);
  return { tagSet: page.items, ...page.next };
}

function requiredIds(request: Ec2Request): readonly string[] {
  if (request.instanceIds.length > 0) return request.instanceIds;
  throw new Ec2Error('MissingParameter', 'The request must contain the parameter InstanceId');
}

function matches(instance: SimulatedInstance, { name, values }: Filter): boolean {
  const actual = filterable(instance, name);
  return values.some((pattern) => actual.some((value) => matchesPattern(value, pattern)));
}

/** The values of an instance that a filter looks at; none when it does not have the tag. */
function filterable(instance: SimulatedInstance, name: string): string[] {
  if (name === 'instance-id') return [instance.instanceId];
  if (name === 'instance-state-name') return [instance.state];
  if (name === 'tag-key') return Object.keys(instance.tags);
  if (!name.startsWith('tag:')) throw unknownFilter(name);
  const value = instance.tags[name.slice('tag:'.length)];
  return value === undefined ? [] : [value];
}

function changes(list: readonly InstanceStateChange[]): XmlFields {
  return {
    instancesSet: list.map(({ instance, previous }) => ({
      instanceId: instance.instanceId,
      currentState: stateContent(instance.state),
      previousState: stateContent(previous),
    })),
  };
}

function stateContent(state: InstanceState): XmlContent {
  return { code: STATE_CODES[state], name: state };
}

function reservation(instance: SimulatedInstance): XmlContent {
  return {
    reservationId: `r-${instance.instanceId.slice(2)}`,
    ownerId: '000000000000',
    groupSet: null,
    instancesSet: [instanceContent(instance)],
  };
}

function instanceContent(instance: SimulatedInstance): XmlContent {
  const gone = instance.state === 'terminated';
  const off = gone || instance.state === 'stopped';
  return {
    instanceId: instance.instanceId,
    imageId: 'ami-00000000000000000',
    instanceState: stateContent(instance.state),
    reason: instance.stateTransitionReason,
    amiLaunchIndex: 0,
    instanceType: instance.instanceType,
    launchTime: new Date(instance.launchTime).toISOString(),
    placement: { availabilityZone: `${instance.region}a`, groupName: null, tenancy: 'default' },
    monitoring: { state: 'disabled' },
    ...(gone ? {} : { privateIpAddress: instance.privateIpAddress }),
    ...(off ? {} : { ipAddress: instance.publicIpAddress }),
    ...(instance.stateTransitionReason === '' ? {} : { stateReason: userInitiatedShutdown() }),
    architecture: 'x86_64',
    rootDeviceType: 'ebs',
    rootDeviceName: '/dev/sda1',
    virtualizationType: 'hvm',
    tagSet: Object.entries(instance.tags).map(([key, value]) => ({ key, value })),
    hypervisor: 'xen',
    ebsOptimized: false,
  };
}

function userInitiatedShutdown(): XmlContent {
  const code = 'Client.UserInitiatedShutdown';
  return { code, message: `${code}: User initiated shutdown` };
}
