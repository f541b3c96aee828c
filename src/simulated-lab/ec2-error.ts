/** HTTP status of the codes that are not a plain 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  AuthFailure: 401,
  UnauthorizedOperation: 403,
  DryRunOperation: 412,
  InternalError: 500,
  RequestLimitExceeded: 503,
  Unavailable: 503,
};

/** EC2's own words for the codes that are used most. */
const MESSAGE_OF: Readonly<Record<string, string>> = {
  AuthFailure: 'AWS was not able to validate the provided access credentials',
  UnauthorizedOperation: 'You are not authorized to perform this operation.',
  DryRunOperation: 'Request would have succeeded, but DryRun flag is set.',
  InternalError: 'An internal error has occurred',
  RequestLimitExceeded: 'Request limit exceeded.',
  Unavailable: 'The service is unavailable. Please try again shortly.',
};

/** EC2 says no. Nothing was done. */
export class Ec2Error extends Error {
  readonly status: number;

  constructor(
    readonly code: string,
    message: string = MESSAGE_OF[code] ?? code,
  ) {
    super(message);
    this.name = 'Ec2Error';
    this.status = STATUS_OF[code] ?? 400;
  }
}
