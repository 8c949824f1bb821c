import {
  type Ending,
  either,
  failingRead,
  MUCH,
  nextTurn,
  readToEnd,
  SMALL_LIMIT,
  sitThere,
} from './churn-scene.ts';

/** In the middle of a read, a write, a consumer or an iteration. */
export const WAITING_ENDINGS: readonly Ending[] = [
  {
    name: 'the client closes with bytes queued',
    async client(stream, { track }) {
      const written = [track(stream.write(MUCH)), track(stream.waitDrained())];
      await nextTurn();
      stream.close();
      for (const one of written) await either(one);
    },
    server: sitThere,
  },
  {
    name: 'the server closes while the client has bytes queued',
    async client(stream, { track }) {
      const written = track(stream.write(MUCH));
      await either(written);
      await either(track(stream.readUntilClose()));
      stream.close();
    },
    server: async (stream) => stream.close(),
  },
  {
    name: 'the server passes a limit of its reads',
    async client(stream, scene) {
      void scene.track(stream.write('twelve bytes'));
      await readToEnd(stream, scene);
    },
    server: (stream, { track }) => track(stream.readUntil('\n', { maxBytes: 4 })),
  },
  {
    name: 'the client passes the limit of its writes',
    async client(stream, { track }) {
      const written = track(stream.write(MUCH));
      try {
        while (true) void track(stream.write(MUCH.subarray(0, SMALL_LIMIT)));
      } catch {
        await either(written);
        stream.close();
      }
    },
    server: sitThere,
  },
  {
    name: 'a consumer throws',
    async client(stream, scene) {
      void scene.track(stream.write('a byte too many'));
      await readToEnd(stream, scene);
    },
    async server(stream, { track }) {
      stream.setConsumer({
        received() {
          throw new Error('a bug of the consumer');
        },
        ended() {},
        drained() {},
        closed() {},
      });
      stream.resume();
      await track(stream.waitClosed());
    },
  },
  {
    name: 'both consumers are at work when the client closes',
    async client(stream, { track }) {
      stream.setConsumer({ received() {}, ended() {}, drained() {}, closed() {} });
      stream.resume();
      await nextTurn();
      stream.close();
      await track(stream.waitClosed());
    },
    async server(stream, { track }) {
      stream.setConsumer({ received() {}, ended: () => stream.close(), drained() {}, closed() {} });
      stream.resume();
      await track(stream.waitClosed());
    },
  },
  {
    name: 'readUntil waits when the peer closes',
    async client(stream, { track }) {
      await track(stream.write('half a li'));
      stream.close();
    },
    server: (stream, scene) => failingRead(stream, stream.readUntil('\n', { signal: scene.signal }), scene),
  },
  {
    name: 'readInto waits when the peer resets',
    async client(stream, { track }) {
      await track(stream.write('1234'));
      stream.reset();
    },
    server: (stream, scene) =>
      failingRead(stream, stream.readInto(new Uint8Array(8), { signal: scene.signal }), scene),
  },
  {
    name: 'a read is aborted, and the server closes',
    client: readToEnd,
    async server(stream, { track }) {
      const controller = new AbortController();
      const read = track(stream.readUntil('\n', { signal: controller.signal }));
      await nextTurn();
      controller.abort(new Error('no longer wanted'));
      await either(read);
      stream.close();
    },
  },
  {
    name: 'the client resets an echo',
    async client(stream, { track }) {
      void track(stream.write('echo'));
      await track(stream.readBytes(4));
      stream.reset();
    },
    server: (stream, { track, signal }) => either(track(stream.pipeTo(stream, { signal }))),
  },
  {
    name: 'the client half-closes, and the server iterates to the end',
    async client(stream, scene) {
      void scene.track(stream.write('one\ntwo\n'));
      stream.endWrite();
      await readToEnd(stream, scene);
    },
    async server(stream, { signal }) {
      let lines = 0;
      for await (const line of stream.lines({ signal })) lines += line.length;
      if (lines !== 6) throw new Error(`${lines} characters came`);
      stream.close();
    },
  },
];
