import type { Scenario } from './scenario.ts';
import { FAILOVERS } from './scenarios/failovers.ts';
import { KILLED_SERVERS } from './scenarios/killed-servers.ts';
import { NETWORKS } from './scenarios/networks.ts';
import { PROCESSES } from './scenarios/processes.ts';
import { REDIS_OUTAGES } from './scenarios/redis-outages.ts';

/** The slowest come first, so that others run beside them. */
export const REDIS_SCENARIOS: readonly Scenario[] = [
  ...FAILOVERS,
  ...NETWORKS,
  ...KILLED_SERVERS,
  ...REDIS_OUTAGES,
];

export const PROCESSES_SCENARIOS: readonly Scenario[] = PROCESSES;
