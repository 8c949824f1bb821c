import { wholeNumber } from '../options.mjs';
import { aim, column } from '../report.mjs';

const BACKENDS = ['native', 'portable'];
const p99 = column('p99 ms', ({ p99Ms }) => p99Ms, 2);

export const writers = {
  rowsOf: ({ writers = [1, 32, 500] }) =>
    writers.flatMap((text) => {
      const count = wholeNumber('writers', text);
      const scene = { section: 'writers', how: `${count} writers`, measure: 'writers', writers: count };
      const program = 'servers/writers-web.mjs';
      return BACKENDS.map((backend) => ({
        ...scene,
        id: backend,
        title: `web, ${backend}`,
        backend,
        program,
      }));
    }),
  about: 'a request every 5 ms on another connection, while handlers stream without end',
  sections: {
    writers: {
      about: 'How long the other requests wait',
      columns: [
        column('requests', ({ requests }) => requests),
        column('p50 ms', ({ p50Ms }) => p50Ms, 2),
        p99,
        column('max ms', ({ maxMs }) => maxMs, 2),
        column('MB/s', ({ bytesPerSecond }) => bytesPerSecond / 1e6),
      ],
    },
  },
  aims: [
    aim('writers', BACKENDS, p99, { under: 20 }, ['1 writers', '32 writers']),
    aim('writers', BACKENDS, p99, { under: 50 }, ['500 writers']),
  ],
};
