import type { handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import pb from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type { Empty } from '@eventstore/db-client/generated/shared_pb.js';

/** The server whose answers these are. */
const VERSION = '23.10.6.0';

/** Handles ServerFeatures.GetSupportedMethods: the server's version and what it can be asked. */
export function supportedMethods(...services: ServiceDefinition[]): handleUnaryCall<Empty, SupportedMethods> {
  const answer = new pb.SupportedMethods().setEventStoreServerVersion(VERSION);
  for (const { path } of services.flatMap((service) => Object.values(service))) {
    const [, serviceName = '', methodName = ''] = path.toLowerCase().split('/');
    const method = new pb.SupportedMethod().setServiceName(serviceName).setMethodName(methodName);
    // To streams, and not to $all.
    if (serviceName.endsWith('persistentsubscriptions')) method.setFeaturesList(['stream']);
    answer.addMethods(method);
  }
  return (_call, respond) => respond(null, answer);
}
