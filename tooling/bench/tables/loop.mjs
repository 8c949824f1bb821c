import { BenchError, SPARE_FILES } from '../machine.mjs';
import { rowsOf } from '../options.mjs';
import { aim, cheaperThan, column, cost, over, overBase } from '../report.mjs';

const BURST = 1000;
/** The number of ready descriptors for which it is measured whether more idle ones cost anything. */
const FLAT_READY = 64;
/** How many descriptors are registered, and how many of them are ready at each wake-up. */
const WAKE_UPS = [
  [10_000, 1],
  [10_000, FLAT_READY],
  [10_000, 1024],
  [1_000, FLAT_READY],
  [5_000, FLAT_READY],
  [15_000, FLAT_READY],
];

function self(how, id, backend, name, settings) {
  const program = `loop/programs/${name}.mjs`;
  return { how, id, title: id, backend, measure: 'self', program, settings };
}

const SECTIONS = {
  callbacks: ({ backend, warmupMs, measureMs }) =>
    [BURST, 1].flatMap((burst) =>
      [false, true].flatMap((inContext) => {
        const how = `${burst > 1 ? `bursts of ${burst}` : 'chain'}, ${inContext ? 'in als.run' : 'no context'}`;
        const row = (kind, on) =>
          self(how, kind, on, 'callbacks', { kind, burst, inContext, warmupMs, measureMs });
        return [row('addCallback', backend), row('setImmediate', 'node'), row('queueMicrotask', 'node')];
      }),
    ),
  timers: ({ backend, timers }) => {
    if (timers % 2 !== 0)
      throw new BenchError(`--timers takes an even number, not ${timers}: half are cancelled`);
    const row = (kind, on) => self(`${timers} pending`, kind, on, 'timers', { kind, timers });
    return [row('callLater', backend), row('setTimeout', 'node')];
  },
  'wake-ups': ({ backend, files, warmupMs, measureMs }) => {
    if (backend === 'portable') return [];
    return WAKE_UPS.flatMap(([wanted, ready]) => {
      // The ready ones hold a second descriptor: the connection that waits to be accepted.
      const registered = Math.min(wanted, files - ready - SPARE_FILES);
      if (registered < ready)
        throw new BenchError(`ulimit -n allows ${files} descriptors: too few for wake-ups`);
      const how = `${ready} ready of ${registered}`;
      const base = ready === FLAT_READY ? `${FLAT_READY} ready of ${WAKE_UPS[3][0]}` : undefined;
      const note = registered < wanted ? `FEWER than wanted, since ulimit -n is ${files}: ${how}` : undefined;
      const settings = { registered, ready, warmupMs, measureMs };
      const floor = { native: 'wake-ups', args: Object.values(settings), title: 'C epoll_wait (floor)' };
      const row = (id, on, door) => ({ ...self(how, id, on, 'wake-ups', { door, ...settings }), base, note });
      return [
        { ...row('floor', 'c'), ...floor },
        row('reactor.register', backend, 'reactor'),
        row('addHandler', backend, 'addHandler'),
      ];
    });
  },
};

/** How far the cost of an event differs between the scenes of one door with as many ready descriptors. */
const flatness = column(
  'largest over smallest cost of an event',
  (row, rows) => {
    const medians = rows.filter(({ id, base }) => base && id === row.id).map(({ ns }) => ns.median);
    return row.how === row.base && medians.length > 1
      ? Math.max(...medians) / Math.min(...medians)
      : undefined;
  },
  2,
);
const rateOver = (id) => ({ ...cheaperThan(id, `x rate of ${id}`), withFloor: false });

export const loop = {
  rowsOf: (options) => {
    const backend = process.env.LANDSPOUT_BACKEND ?? 'native';
    if (backend === 'native' || backend === 'portable') return rowsOf(SECTIONS, { ...options, backend });
    throw new BenchError(`LANDSPOUT_BACKEND is native or portable, not ${backend}`);
  },
  about:
    'every row on one core; on the portable backend nothing wakes by readiness, so that wake-ups have no door',
  sections: {
    callbacks: {
      about: `In a burst the last one adds the next burst, in a chain each adds the next one; microtasks run within one turn,
and every thousand of them wait for the next turn`,
      joined: true,
      columns: [...cost('CPU ns/call', 1, 1), rateOver('setImmediate'), rateOver('queueMicrotask')],
    },
    timers: {
      about: `All are added, every other one is cancelled (they had 2 to 6 s), the rest fires (after 0.5 to 1 s); the first column
is one timer of that mix, add + cancel / 2 + fire / 2`,
      columns: [
        ...cost('CPU ns/timer', 1, 1),
        over('setTimeout'),
        column('add ns', 'addNs'),
        column('cancel ns', 'cancelNs'),
        column('fire ns', 'fireNs'),
        column('heap B/timer', 'heapBytes'),
      ],
    },
    'wake-ups': {
      about: `The ready descriptors stay ready: events alone are counted, no call that handles one. At most 256 events come with
one wake-up`,
      joined: true,
      columns: [
        ...cost('CPU ns/event', 1, 1),
        over('floor'),
        overBase('x fewest registered'),
        column('events/wake-up', 'eventsPerWakeUp'),
      ],
    },
  },
  aims: [
    aim('callbacks', 'addCallback', rateOver('setImmediate'), { atLeast: 3 }, [
      `bursts of ${BURST}, no context`,
    ]),
    aim('callbacks', 'addCallback', rateOver('setImmediate'), { atLeast: 1 }, [
      `bursts of ${BURST}, in als.run`,
    ]),
    aim('wake-ups', ['addHandler', 'reactor.register'], flatness, { atMost: 1.3 }),
  ],
};
