import { spread } from '../summary.mjs';
import { TITLES } from './rows.mjs';

/** What the project aims at: see README.md. */
const AIM = { echo: { timesFloor: 1.5, timesNet: 0.6 }, idleBytes: 1024, sendFile: { timesNginx: 1.2 } };
/** The size of messages that the aim for an echo is about. */
const AIMED_ECHO = '64 B';

/**
 * One row of the results: CPU ns of one message, line or mebibyte, over the rounds; or the memory of a connection.
 *
 * @param {import('./rows.mjs').StreamRow} row
 * @param {readonly { count: number, cpuNs: number, wallNs: number }[]} samples - one of each round.
 * @param {{ residentBytes: number, heapBytes: number }} [idle]
 */
export function summarizeStream({ section, title, how, backend, settings }, samples, idle) {
  const about = { section, title, how, backend, settings };
  if (section === 'idle') return { ...about, idle };
  return {
    ...about,
    ns: spread(samples.map(({ cpuNs, count }) => cpuNs / count)),
    perSecond: spread(samples.map(({ count, wallNs }) => (count / wallNs) * 1e9)),
    coreShare: spread(samples.map(({ cpuNs, wallNs }) => cpuNs / wallNs)),
    rounds: samples,
  };
}

/** The row of another title that does the same work. */
export function peerOf(rows, row, title) {
  return rows.find(
    (other) => other.section === row.section && other.how === row.how && other.title === title,
  );
}

/** How many times the CPU of `reference` a row takes. */
export function costRatio(row, reference) {
  return row.ns.median / reference.ns.median;
}

/**
 * Whether the aims are met, by every IOStream on the native backend; nothing where the rows for one were not measured.
 */
export function judgeStream(rows) {
  const ours = rows.filter(({ title, backend }) => title.startsWith('IOStream') && backend === 'native');
  return [
    ...ours.filter(({ section, how }) => section === 'echo' && how === AIMED_ECHO).flatMap(judgeEcho(rows)),
    ...ours.filter(({ section }) => section === 'idle').map(judgeIdle),
    ...ours.filter(({ section }) => section === 'send-file').flatMap(judgeSendFile(rows)),
  ];
}

function judgeEcho(rows) {
  return (row) => [
    ...judgeRatio(rows, row, TITLES.floor, AIM.echo.timesFloor),
    ...judgeRatio(rows, row, TITLES.netEcho, AIM.echo.timesNet),
  ];
}

function judgeSendFile(rows) {
  return (row) => judgeRatio(rows, row, TITLES.nginx, AIM.sendFile.timesNginx);
}

function judgeRatio(rows, row, title, most) {
  const reference = peerOf(rows, row, title);
  if (reference === undefined) return [];
  const ratio = costRatio(row, reference);
  const text = `${row.title}, ${row.how}: ${ratio.toFixed(2)}x the CPU of ${title} (at most ${most}x)`;
  return [{ met: ratio <= most, text }];
}

function judgeIdle({ title, idle }) {
  const bytes = Math.round(idle.residentBytes);
  const text = `${title}, idle: ${bytes} bytes per stream (under ${AIM.idleBytes})`;
  return { met: bytes < AIM.idleBytes, text };
}
