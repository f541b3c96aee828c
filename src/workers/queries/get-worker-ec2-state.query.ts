import type { IQueryHandler } from '@nestjs/cqrs';
import { Query, QueryHandler } from '@nestjs/cqrs';
import { NotFound } from '../../platform/errors.js';
import type { Ec2Instance } from '../gateways/ec2.port.js';
import { Ec2 } from '../gateways/ec2.port.js';
import { WorkerViews } from './worker-views.js';

/** The instance of a worker as EC2 describes it now, stopped or not (source document). Moves nothing. */
export class GetWorkerEC2StateQuery extends Query<Ec2Instance> {
  constructor(
    readonly awsRegion: string,
    readonly workerId: string,
  ) {
    super();
  }
}

@QueryHandler(GetWorkerEC2StateQuery)
export class GetWorkerEC2StateHandler implements IQueryHandler<GetWorkerEC2StateQuery> {
  constructor(
    private readonly views: WorkerViews,
    private readonly ec2: Ec2,
  ) {}

  async execute({ awsRegion, workerId }: GetWorkerEC2StateQuery): Promise<Ec2Instance> {
    const { aws_instance_id } = await this.views.get(awsRegion, workerId);
    const instance = (await this.ec2.describeInstances(awsRegion, [aws_instance_id])).get(aws_instance_id);
    if (!instance) throw new NotFound(`EC2 instance in ${awsRegion}`, aws_instance_id, 'instance_not_found');
    return instance;
  }
}
