import { median, spread } from '../summary.mjs';
import { FLAT_READY } from './rows.mjs';

/** What the project aims at: see README.md. */
const AIM = { timesSetImmediate: 3, timesSetImmediateInContext: 1, flat: 1.3 };

/**
 * One row of the results: CPU ns of one call, timer or event, over the rounds.
 *
 * @param {import('./rows.mjs').LoopRow} row
 * @param {readonly object[]} samples - what the program answered in each round.
 */
export function summarizeLoop({ section, title, how, backend, settings }, samples) {
  const about = { section, title, how, backend, settings };
  const over = (read) => spread(samples.map(read));
  if (section !== 'timers') {
    const ns = over(({ cpuNs, count }) => cpuNs / count);
    const perWakeUp = samples[0].eventsPerWakeUp;
    const eventsPerWakeUp = perWakeUp === undefined ? {} : { eventsPerWakeUp: perWakeUp };
    return { ...about, ns, ...eventsPerWakeUp, rounds: samples };
  }
  return {
    ...about,
    // Every timer is added, half are cancelled, and half fire.
    ns: over(({ addNs, cancelNs, fireNs }) => addNs + cancelNs / 2 + fireNs / 2),
    addNs: over(({ addNs }) => addNs),
    cancelNs: over(({ cancelNs }) => cancelNs),
    fireNs: over(({ fireNs }) => fireNs),
    heapBytes: median(samples.map(({ heapBytes }) => heapBytes)),
    rounds: samples,
  };
}

/** The row of another title that is measured in the same way. */
export function counterpart(rows, row, title) {
  return rows.find(
    (other) => other.section === row.section && other.title === title && other.how === row.how,
  );
}

/** How many times as many calls `row` makes in the time of `reference`. */
export function rateRatio(row, reference) {
  return reference.ns.median / row.ns.median;
}

/**
 * The rows of one door that differ only in how many idle descriptors are beside the ready ones, fewest first.
 *
 * @param {string} title - of the door.
 */
export function flatRows(rows, title) {
  return rows
    .filter((row) => row.section === 'wake-ups' && row.title === title && row.settings.ready === FLAT_READY)
    .sort((a, b) => a.settings.registered - b.settings.registered);
}

/** Whether the aims are met; nothing where the rows for one were not measured. */
export function judgeLoop(rows) {
  return [...judgeCallbacks(rows), ...judgeFlatness(rows)];
}

function judgeCallbacks(rows) {
  return rows
    .filter(({ title, settings }) => title === 'addCallback' && settings.burst > 1)
    .flatMap((row) => {
      const reference = counterpart(rows, row, 'setImmediate');
      if (reference === undefined) return [];
      const least = row.settings.inContext ? AIM.timesSetImmediateInContext : AIM.timesSetImmediate;
      const ratio = rateRatio(row, reference);
      const text = `addCallback, ${row.how}: ${ratio.toFixed(2)}x setImmediate's rate (at least ${least}x)`;
      return [{ met: ratio >= least, text }];
    });
}

function judgeFlatness(rows) {
  return ['addHandler', 'reactor.register'].flatMap((title) => {
    const flat = flatRows(rows, title);
    if (flat.length < 2) return [];
    const medians = flat.map(({ ns }) => ns.median);
    const ratio = Math.max(...medians) / Math.min(...medians);
    const [fewest, most] = [flat[0], flat.at(-1)].map(({ settings }) => settings.registered);
    const what = `${title}, from ${fewest} to ${most} registered, ${FLAT_READY} ready`;
    const text = `${what}: per-event cost within ${ratio.toFixed(2)}x (at most ${AIM.flat}x)`;
    return [{ met: ratio <= AIM.flat, text }];
  });
}
