import { attaching } from './attaching.ts';
import { BackplaneSuite } from './backplane-suite.ts';
import {
  type BackplaneCapabilities,
  type MakeCluster,
  resolveCapabilities,
  type TestFramework,
} from './capabilities.ts';
import { closing } from './closing.ts';
import { cursors } from './cursors.ts';
import { deduping } from './deduping.ts';
import { following } from './following.ts';
import { killing } from './killing.ts';
import { namesAndPayloads } from './names-and-payloads.ts';
import { ordering } from './ordering.ts';
import { paging } from './paging.ts';
import { presence } from './presence.ts';
import { restarting } from './restarting.ts';
import { retention } from './retention.ts';
import { runLeases } from './run-leases.ts';
import { runs } from './runs.ts';
import { statistics } from './statistics.ts';

/**
 * Registers, under `name`, cases that check a {@link Backplane}: each method of the seam, its errors, its limits, and
 * what its capabilities promise.
 *
 * @param framework - for example vitest's `{ describe, it }`, or that of `node:test`.
 * @param makeCluster - creates an empty store with its nodes, for each case anew.
 * @param capabilities - what the backplane promises beyond the seam. Cases that need more are not registered.
 *
 * @example
 * backplaneCompliance('my backplane', { describe, it }, async (limits) => {
 *   const clock = new VirtualClock();
 *   const node = new MyBackplane({ ...limits, clock });
 *   return {
 *     nodes: [node],
 *     advance: (ms) => clock.advance(ms),
 *     kill: async () => {},
 *     restart: async () => {},
 *     close: () => node.close(),
 *   };
 * });
 */
export function backplaneCompliance(
  name: string,
  framework: TestFramework,
  makeCluster: MakeCluster,
  capabilities: BackplaneCapabilities = {},
): void {
  framework.describe(name, () => {
    const suite = new BackplaneSuite(framework, makeCluster, resolveCapabilities(capabilities));
    suite.group('order', () => ordering(suite));
    suite.group('ids of appends', () => deduping(suite));
    suite.group('cursors', () => cursors(suite));
    suite.group('pages', () => paging(suite));
    suite.group('attaching', () => attaching(suite));
    suite.group('retention', () => retention(suite));
    suite.group('names and payloads', () => namesAndPayloads(suite));
    suite.group('followers', () => following(suite));
    suite.group('presence', () => presence(suite));
    suite.group('runs', () => runs(suite));
    suite.group('leases of runs', () => runLeases(suite));
    suite.group('statistics', () => statistics(suite));
    suite.group('closing', () => closing(suite));
    if (suite.capabilities.durable !== 'no') suite.group('restarts', () => restarting(suite));
    // All its cases advance the clock beyond the leases of the killed node.
    const { nodes, clock } = suite.capabilities;
    if (nodes === 'several' && clock) suite.group('killed nodes', () => killing(suite));
  });
}
