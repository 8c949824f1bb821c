import { wholeNumber } from '../options.mjs';
import { aim, column } from '../report.mjs';

const BACKENDS = ['native', 'portable'];
const p99 = column('p99 ms', 'p99Ms', 2);
const [p50, max] = [column('p50 ms', 'p50Ms', 2), column('max ms', 'maxMs', 2)];

export const writers = {
  rowsOf: ({ writers = [1, 32, 500] }) =>
    writers.flatMap((text) => {
      const count = wholeNumber('writers', text);
      const scene = { section: 'writers', how: `${count} writers`, measure: 'writers', writers: count };
      const program = { program: 'servers/landspout-web.mjs', settings: { streams: true } };
      return BACKENDS.map((backend) => ({
        ...scene,
        ...program,
        id: backend,
        title: `web, ${backend}`,
        backend,
      }));
    }),
  about: 'a request every 5 ms on another connection, while handlers stream without end',
  sections: {
    writers: {
      about: 'How long the other requests wait',
      columns: [column('requests', 'requests'), p50, p99, max, column('MB/s', 'bytesPerSecond', 0, 1e6)],
    },
  },
  aims: [
    aim('writers', BACKENDS, p99, { under: 20 }, ['1 writers', '32 writers']),
    aim('writers', BACKENDS, p99, { under: 50 }, ['500 writers']),
  ],
};
