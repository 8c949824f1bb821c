const MIB = 1024 * 1024;
/**
 * What the project aims at: see README.md. `longestQueue` is the limit of a connection's queue by default, and
 * `bytesEach` what a bad client may cost beside an answer that was made for it alone.
 */
const AIM = { p99Us: 50_000, longestQueue: 16 * MIB, bytesEach: 16 * 1024, deadlinesToGo: 2.5 };

/** What others may take of the server's core before a verdict says so: some of it they take on every machine. */
const NOISY_MS = 1000;

/** @typedef {{ title: string, settings: { crowd: import('./crowd-settings.mjs').Crowd }, crowd: import('./crowd.mjs').CrowdResult }} CrowdRow */

/**
 * What each bad client added to the resident memory of the server at its peak, but for the answers that never-reading
 * ones have been given: one each, of which all is kept until all is sent. Where these are one Buffer they are
 * references, and cost nothing.
 *
 * @param {CrowdRow} row
 */
export function bytesEach({ settings, crowd: { resident } }) {
  const { ofEachKind, fresh, answerBytes } = settings.crowd;
  const answers = fresh ? ofEachKind * answerBytes : 0;
  return (resident.peak - resident.before - answers) / (3 * ofEachKind);
}

/** Whether a crowd left a normal client alone, and the memory within its limits. @param {CrowdRow} row */
export function judgeCrowd(row) {
  const { title, settings, crowd } = row;
  const { coming, there, going } = crowd.phases;
  const judge = (met, text) => ({ met, text: `${title}, crowd: ${text}` });
  const waits = (phases, when) => {
    const p99Us = Math.max(...phases.map((phase) => phase.p99Us));
    const waitedMs = phases.reduce((sum, phase) => sum + phase.waitedMs, 0);
    const noise =
      waitedMs < NOISY_MS ? '' : `; others had the core of the server for ${seconds(waitedMs)} s of it`;
    return judge(
      p99Us < AIM.p99Us,
      `p99 of a normal client ${milliseconds(p99Us)} ms ${when} (under 50 ms${noise})`,
    );
  };
  const each = bytesEach(row);
  const { longestQueue } = crowd.stats;
  const { deadlineMs, fresh } = settings.crowd;
  const gone =
    crowd.goneMs === undefined
      ? 'bad clients that never had to go'
      : `all gone after ${seconds(crowd.goneMs)} s`;
  return [
    waits([there], 'beside all of it'),
    // To make 5 GB of answers is work, for the system too, of which a server is innocent.
    fresh
      ? waits([going], 'while it has to go')
      : waits([coming, going], 'while it comes or has to go, whichever is more'),
    judge(
      longestQueue <= AIM.longestQueue,
      `${(longestQueue / MIB).toFixed(2)} MiB in the longest queue (at most ${AIM.longestQueue / MIB} MiB)`,
    ),
    judge(
      each <= AIM.bytesEach,
      `${Math.round(each)} B for each bad client at the peak (at most ${AIM.bytesEach} B)`,
    ),
    judge(
      crowd.goneMs <= AIM.deadlinesToGo * deadlineMs,
      `${gone} (at most ${seconds(AIM.deadlinesToGo * deadlineMs)} s)`,
    ),
  ];
}

/** @param {number} us */
export function milliseconds(us) {
  return (us / 1000).toFixed(2);
}

/** @param {number} ms */
export function seconds(ms) {
  return (ms / 1000).toFixed(1);
}
