import type { Db } from 'mongodb';
import { permitFor } from '../../leases/mongo-lease-table.js';
import type { Permit } from '../../leases/mongo-lease-table.js';
import { ReadModelStoreUnavailable, StaleFence } from '../read-model-store.errors.js';
import type { Fence } from '../read-model-store.port.js';

/**
 * Lets the holder of a lease write.
 *
 * @param work writes under the permit; answers false when something was in its way, as a later holder's document
 * @throws {StaleFence} the lease is somebody else's, or nobody's
 * @throws {ReadModelStoreUnavailable} it took longer than the lease was certain; what was written may be written again
 */
export async function underFence(db: Db, fence: Fence, work: (permit: Permit) => Promise<boolean>): Promise<void> {
  const permit = await permitFor(db, fence);
  const made = await work(permit);
  if (performance.now() < permit.certainUntil) {
    if (!made) throw new StaleFence(fence.lease);
    return;
  }
  // Some of it may have arrived too late and changed nothing. Who still holds the lease tries again.
  await permitFor(db, fence);
  throw new ReadModelStoreUnavailable(`The write took longer than the lease '${fence.lease}' was certain to last.`);
}
