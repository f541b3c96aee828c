import { ServerInterceptingCall } from '@grpc/grpc-js';
import type { ServerInterceptor } from '@grpc/grpc-js';

/** So many messages of a call may be on their way to its connection. */
const MAX_IN_FLIGHT = 256;

/**
 * Lets a call's messages follow each other at once. By itself grpc-js takes the next one when the last one has been handed
 * to the system, one each turn of the event loop; a subscription that catches up would spend most of its time with that.
 */
export const pipelining: ServerInterceptor = (_method, call) => new PipelinedCall(call);

class PipelinedCall extends ServerInterceptingCall {
  private inFlight = 0;
  /** What goes on once there is room again. */
  private held: (() => void) | undefined;

  override sendMessage(message: unknown, callback: () => void): void {
    this.inFlight++;
    super.sendMessage(message, () => {
      this.inFlight--;
      const { held } = this;
      this.held = undefined;
      held?.();
    });
    if (this.inFlight < MAX_IN_FLIGHT) callback();
    else this.held = callback;
  }
}
