/**
 * The only file that imports the AWS SDK. The build bundles it, so that of the SDK's hundreds of EC2 commands only these
 * few are loaded and kept in memory; an import of the SDK anywhere else would bring all of them back.
 */
export {
  DescribeInstancesCommand,
  EC2Client,
  EC2ServiceException,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
export type {
  DescribeInstancesCommandOutput,
  EC2ClientConfig,
  Instance,
  InstanceStateChange,
} from '@aws-sdk/client-ec2';
