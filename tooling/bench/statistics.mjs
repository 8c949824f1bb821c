/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {readonly number[]} values - one of each round. */
function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * What the samples of a row say, one of each round: CPU ns of one request, message or call (with the extremes), how many
 * a second, and the share of the core; of each other number the median, and of all else the first value.
 *
 * @param {readonly Record<string, unknown>[]} samples
 */
export function summarize(samples) {
  const { count: _count, cpuNs, wallNs, systemNs, ...others } = samples[0];
  const over = (read) => spread(samples.map(read));
  const result = {};
  for (const [name, first] of Object.entries(others)) {
    result[name] = typeof first === 'number' ? median(samples.map((sample) => sample[name])) : first;
  }
  if (cpuNs !== undefined) result.ns = over((sample) => sample.cpuNs / sample.count);
  if (systemNs !== undefined) result.systemNs = over((sample) => sample.systemNs / sample.count).median;
  if (wallNs === undefined) return result;
  result.perSecond = over(({ count, wallNs }) => (count / wallNs) * 1e9);
  result.coreShare = over(({ cpuNs, wallNs }) => cpuNs / wallNs);
  return result;
}

/** Whether the last two costs agree within 3 %. @param {readonly number[]} costs */
export function isSteady(costs) {
  const [before, last] = costs.slice(-2);
  return Math.abs(last / before - 1) <= 0.03;
}

/** The mean of ratios and its 95 % interval, by Student's t of their logarithms. @param {readonly number[]} ratios */
export function interval(ratios) {
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (logs.length - 1);
  const half = studentT(logs.length - 1) * Math.sqrt(variance / logs.length);
  const [ratio, low, high] = [mean, mean - half, mean + half].map(Math.exp);
  return { ratio, low, high, median: median(ratios) };
}

/** The 97.5 % quantile, within 0.1 % from 10 degrees of freedom on (Cornish and Fisher's expansion). */
function studentT(degrees) {
  const z = 1.959964;
  const first = (z ** 3 + z) / (4 * degrees);
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
  return z + first + second;
}
