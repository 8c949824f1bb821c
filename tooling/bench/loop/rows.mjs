import { BenchError } from '../bench-error.mjs';

/**
 * One thing that is measured.
 *
 * @typedef {object} LoopRow
 * @property {'callbacks' | 'timers' | 'wake-ups'} section
 * @property {string} title - the name in the table.
 * @property {string} how - what distinguishes it from other rows of that title.
 * @property {'native' | 'portable' | 'node' | 'c'} backend - what the program must say it stands on.
 * @property {string} [program] - a Node program in `programs/`; the floor alone has none.
 * @property {object} settings - what the program is told.
 */

const BURST = 1000;
/** Descriptors that a process needs beside those that are measured. */
const SPARE_FILES = 200;
const DOORS = [
  { door: 'floor', title: 'C epoll_wait (floor)' },
  { door: 'reactor', title: 'reactor.register' },
  { door: 'addHandler', title: 'addHandler' },
];
/** The number of ready descriptors for which it is measured whether more idle ones cost anything. */
export const FLAT_READY = 64;
/** How many descriptors are registered, and how many of them are ready at each wake-up. */
const WAKE_UPS = [
  { registered: 10_000, ready: 1 },
  { registered: 10_000, ready: FLAT_READY },
  { registered: 10_000, ready: 1024 },
  { registered: 1_000, ready: FLAT_READY },
  { registered: 5_000, ready: FLAT_READY },
  { registered: 15_000, ready: FLAT_READY },
];

/** The backend that is measured. @param {string | undefined} wish - of the environment; native when there is none. */
export function loopBackend(wish = 'native') {
  if (wish === 'native' || wish === 'portable') return wish;
  throw new BenchError(`LANDSPOUT_BACKEND is native or portable, not ${wish}`);
}

/**
 * The rows that exist on a backend, in the order of the tables.
 *
 * @param {{ backend: 'native' | 'portable', files: number, only?: readonly string[],
 *   timers: number, warmupMs: number, measureMs: number }} options - `files` is how many a process may open.
 * @returns {readonly LoopRow[]}
 */
export function chooseLoopRows(options) {
  const chosen = requireSections(options.only);
  return [...SECTIONS].flatMap(([section, rowsOf]) => (chosen.includes(section) ? rowsOf(options) : []));
}

/** What a backend does not have, to be asked why. @returns {readonly LoopRow[]} */
export function absentDoors({ backend, only }) {
  if (backend === 'native' || !requireSections(only).includes('wake-ups')) return [];
  return DOORS.filter(({ door }) => door !== 'floor').map(({ door, title }) => ({
    section: 'wake-ups',
    title,
    how: `on the ${backend} backend`,
    backend,
    program: 'wake-ups',
    settings: { door },
  }));
}

function callbackRows({ backend, warmupMs, measureMs }) {
  const shapes = [
    { burst: BURST, shape: `bursts of ${BURST}` },
    { burst: 1, shape: 'chain' },
  ];
  const contexts = [
    { inContext: false, context: 'no context' },
    { inContext: true, context: 'in als.run' },
  ];
  return shapes.flatMap(({ burst, shape }) =>
    contexts.flatMap(({ inContext, context }) =>
      ['addCallback', 'setImmediate', 'queueMicrotask'].map((kind) => ({
        section: 'callbacks',
        title: kind,
        how: `${shape}, ${context}`,
        backend: kind === 'addCallback' ? backend : 'node',
        program: 'callbacks',
        settings: { kind, burst, inContext, warmupMs, measureMs },
      })),
    ),
  );
}

function timerRows({ backend, timers }) {
  return ['callLater', 'setTimeout'].map((kind) => ({
    section: 'timers',
    title: kind,
    how: `${timers} pending`,
    backend: kind === 'callLater' ? backend : 'node',
    program: 'timers',
    settings: { kind, timers },
  }));
}

function wakeUpRows({ backend, files, warmupMs, measureMs }) {
  if (backend === 'portable') return [];
  return WAKE_UPS.flatMap(({ registered: wanted, ready }) => {
    // The ready ones hold a second descriptor: the connection that waits to be accepted.
    const registered = Math.min(wanted, files - ready - SPARE_FILES);
    if (registered < ready)
      throw new BenchError(`ulimit -n allows ${files} descriptors: too few for wake-ups`);
    return DOORS.map(({ door, title }) => ({
      section: 'wake-ups',
      title,
      how: `${ready} ready of ${registered}`,
      backend: door === 'floor' ? 'c' : backend,
      ...(door === 'floor' ? {} : { program: 'wake-ups' }),
      settings: { door, registered, wanted, ready, warmupMs, measureMs },
    }));
  });
}

const SECTIONS = new Map([
  ['callbacks', callbackRows],
  ['timers', timerRows],
  ['wake-ups', wakeUpRows],
]);

function requireSections(only = [...SECTIONS.keys()]) {
  const unknown = only.filter((name) => !SECTIONS.has(name));
  if (unknown.length === 0) return only;
  throw new BenchError(`no section ${unknown.join(', ')}; there are ${[...SECTIONS.keys()].join(', ')}`);
}
