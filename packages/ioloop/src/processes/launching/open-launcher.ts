import type { NativeBinding } from '../../reactor/native-binding.ts';
import { ClusterLauncher } from './cluster-launcher.ts';
import type { ChildLauncher, LaunchPlan } from './launch-plan.ts';
import { SpawnLauncher } from './spawn-launcher.ts';

/**
 * Opens the listeners, or finds out that their addresses can be had.
 *
 * @param binding - the native backend, where it runs.
 * @throws SystemError such as `EADDRINUSE`, with nothing left open.
 */
export async function openLauncher(
  plan: LaunchPlan,
  binding: NativeBinding | undefined,
): Promise<ChildLauncher> {
  return binding === undefined ? ClusterLauncher.open(plan) : SpawnLauncher.open(plan, binding);
}
