import { costRatio, peerOf, summarizeStream } from '../stream/summary.mjs';
import { median } from '../summary.mjs';
import { judgeCrowd } from './crowd-summary.mjs';

/** What the project aims at: see README.md. */
const AIM = { timesFloor: 1.4, timesCheaperThanNode: 5, portableTimesCheaperThanNode: 1.7, flat: 1.15 };
/** Where most of the time is a server's own, and not the kernel's that moves the bytes of a body. */
const SMALL = ['hello', 'pipelined', 'head'];

/** The titles that ratios and verdicts are about. */
export const TITLES = { floor: 'C epoll loop (floor)', node: 'node:http' };

/**
 * One row of the results: CPU ns of one request over the rounds, or the memory of an idle connection.
 *
 * @param {import('./rows.mjs').HttpRow} row
 * @param {readonly { count: number, cpuNs: number, systemNs: number, wallNs: number, p99Us: number }[]} samples - one of
 *   each round.
 * @param {{ residentBytes: number, heapBytes: number }} [idle]
 * @param {import('./crowd.mjs').CrowdResult} [crowd]
 */
export function summarizeHttp(row, samples, idle, crowd) {
  if (crowd !== undefined) return { ...row, crowd };
  const result = { id: row.id, ...summarizeStream(row, samples, idle) };
  if (idle !== undefined) return result;
  return {
    ...result,
    systemNs: median(samples.map(({ systemNs, count }) => systemNs / count)),
    p99Us: median(samples.map(({ p99Us }) => p99Us)),
  };
}

/** Whether the aims are met; nothing where the rows for one were not measured. */
export function judgeHttp(rows) {
  const of = (id) => rows.filter((row) => row.id === id);
  return [
    ...of('httpserver').flatMap((row) => judgeNative(rows, row)),
    ...of('httpserver').flatMap((row) => judgeFlat(rows, row)),
    ...['httpserver', 'httpserver-portable']
      .flatMap(of)
      .flatMap((row) => (row.section === 'crowd' ? judgeCrowd(row) : [])),
    ...of('httpserver-portable').flatMap((row) =>
      SMALL.includes(row.section) ? atLeast(rows, row, TITLES.node, AIM.portableTimesCheaperThanNode) : [],
    ),
  ];
}

function judgeNative(rows, row) {
  const { section } = row;
  return [
    ...(section === 'hello' ? atMostFloor(rows, row) : []),
    ...(SMALL.includes(section) ? atLeast(rows, row, TITLES.node, AIM.timesCheaperThanNode) : []),
    ...([...SMALL, 'bodies'].includes(section)
      ? ['Bun', 'Deno'].flatMap((peer) => atLeast(rows, row, peer, 1))
      : []),
  ];
}

function atMostFloor(rows, row) {
  const floor = peerOf(rows, row, TITLES.floor);
  if (floor === undefined) return [];
  const ratio = costRatio(row, floor);
  return [
    {
      met: ratio <= AIM.timesFloor,
      text: `${nameOf(row)}: ${ratio.toFixed(2)}x the floor (at most ${AIM.timesFloor}x)`,
    },
  ];
}

/** Says of the floor too what it makes of it: an aim that the floor misses cannot be met on this machine. */
function atLeast(rows, row, title, least) {
  const peer = peerOf(rows, row, title);
  if (peer === undefined) return [];
  const ratio = costRatio(peer, row);
  const floor = peerOf(rows, row, TITLES.floor);
  const ofFloor = floor === undefined ? '' : `; the floor: ${costRatio(peer, floor).toFixed(2)}x`;
  const met = least === 1 ? ratio > 1 : ratio >= least;
  const aim = least === 1 ? 'more than 1x' : `at least ${least}x`;
  return [{ met, text: `${nameOf(row)}: ${ratio.toFixed(2)}x cheaper than ${title} (${aim}${ofFloor})` }];
}

function judgeFlat(rows, row) {
  if (row.section !== 'flat' || row.settings.idle === 0) return [];
  const ratio = growth(rows, row);
  if (ratio === undefined) return [];
  const text = `${nameOf(row)}: ${ratio.toFixed(2)}x the CPU without idle connections (at most ${AIM.flat}x)`;
  return [{ met: ratio <= AIM.flat, text }];
}

/** How many times the CPU of a request with no idle connection beside it a row of the flat section takes. */
export function growth(rows, row) {
  const alone = rows.find(
    ({ section, id, settings }) => section === 'flat' && id === row.id && settings.idle === 0,
  );
  return alone && costRatio(row, alone);
}

function nameOf({ title, section, how }) {
  return `${title}, ${section}, ${how}`;
}
