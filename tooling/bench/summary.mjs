/** What the project aims at, for the row `web`: see README.md. */
const DIRECTION = { timesFloor: 2, timesCheaperThanFastify: 4, idleBytes: 1536 };

/** One row of the results: medians over the rounds, and the extremes where they say how far to trust them. */
export function summarize({ id, title, backend }, samples, idle) {
  const cpu = samples.map(({ cpuUsPerRequest }) => cpuUsPerRequest);
  return {
    id,
    title,
    backend,
    cpuUs: spread(cpu),
    requestsPerSecond: median(samples.map(({ requestsPerSecond }) => requestsPerSecond)),
    p50Us: median(samples.map(({ p50Us }) => p50Us)),
    p99Us: median(samples.map(({ p99Us }) => p99Us)),
    idle,
    rounds: samples,
  };
}

/** Whether `web` on the native backend is where it should be; nothing where the rows for it were not measured. */
export function compareWithDirection(rows) {
  const row = (id) => rows.find((candidate) => candidate.id === id);
  const [web, floor, fastify] = [row('web'), row('floor'), row('fastify')];
  const verdicts = [];
  const judge = (met, text) => verdicts.push({ met, text });
  if (web && floor) {
    const ratio = web.cpuUs.median / floor.cpuUs.median;
    judge(ratio <= DIRECTION.timesFloor, `${ratio.toFixed(2)}x the floor (at most ${DIRECTION.timesFloor}x)`);
  }
  if (web && fastify) {
    const ratio = fastify.cpuUs.median / web.cpuUs.median;
    const least = DIRECTION.timesCheaperThanFastify;
    judge(ratio >= least, `${ratio.toFixed(2)}x cheaper than Fastify (at least ${least}x)`);
  }
  if (web?.idle) {
    const bytes = Math.round(web.idle.residentBytes);
    judge(
      bytes <= DIRECTION.idleBytes,
      `${bytes} bytes per idle connection (at most ${DIRECTION.idleBytes})`,
    );
  }
  return verdicts;
}

/** @param {readonly number[]} values - one of each round. */
export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
