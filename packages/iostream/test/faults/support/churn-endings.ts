import { once } from 'node:events';
import type { VirtualClock } from '@landspout/ioloop/testing';
import { type IOStream, type TCPClient, toDuplex } from '../../../src/index.ts';

/** What the ends of a connection share. */
export interface ChurnScene {
  readonly client: TCPClient;
  /** Its deadlines are of a clock that runs as fast as the test wants. */
  readonly virtualClient: TCPClient;
  readonly clock: VirtualClock;
  readonly port: number;
  /** Given to every wait, and never aborted. */
  readonly signal: AbortSignal;
  /** Counts a promise that must settle, in whatever way, and returns it. */
  track<T>(promise: Promise<T>): Promise<T>;
  /** A number from 0 to `below` - 1, of the seeded sequence. */
  random(below: number): number;
}

/** One way in which a connection ends. Each side is over when nothing of it waits any more. */
export interface Ending {
  readonly name: string;
  /** Opens by itself where connecting is what ends. */
  readonly opens?: (scene: ChurnScene) => Promise<void>;
  readonly client: (stream: IOStream, scene: ChurnScene) => Promise<unknown>;
  readonly server: (stream: IOStream, scene: ChurnScene) => Promise<unknown>;
}

/** More than the system takes for a peer that does not read. One for all: nobody writes into it. */
const MUCH = Buffer.alloc(4 * 1024 * 1024, 'm');
export const HOST = '127.0.0.1';
export const SMALL_LIMIT = 128 * 1024;

/** An outcome that is either: the stream's end is the fault that was made. */
const either = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {});
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function readToEnd(stream: IOStream, { track, signal }: ChurnScene): Promise<void> {
  await either(track(stream.readUntilClose({ signal })));
  stream.close();
}

const sitThere = (stream: IOStream, scene: ChurnScene): Promise<void> => readToEnd(stream, scene);

async function failingRead(stream: IOStream, read: Promise<unknown>, { track }: ChurnScene): Promise<void> {
  await either(track(read));
  stream.close();
}

async function writeUntilRefused(stream: IOStream, { track }: ChurnScene): Promise<void> {
  while (!stream.isClosed) {
    await either(track(stream.write('are you there?')));
    await nextTurn();
  }
}

export const ENDINGS: readonly Ending[] = [
  {
    name: 'the client closes',
    client: async (stream) => stream.close(),
    server: sitThere,
  },
  {
    name: 'the server closes',
    client: readToEnd,
    server: async (stream) => stream.close(),
  },
  {
    name: 'the client resets',
    client: async (stream) => stream.reset(),
    server: sitThere,
  },
  {
    name: 'the server resets',
    client: readToEnd,
    server: async (stream) => stream.reset(),
  },
  {
    name: 'the client half-closes and gets its answer',
    async client(stream, { track }) {
      stream.endWrite();
      const answer = await track(stream.readUntilClose());
      if (answer.toString() !== 'answer') throw new Error(`answered with ${answer.length} bytes`);
      stream.close();
    },
    async server(stream, { track }) {
      await track(stream.readUntilClose());
      void track(stream.write('answer'));
      stream.endWrite();
    },
  },
  {
    name: 'the server half-closes, then the client',
    async client(stream, { track }) {
      await track(stream.readUntilClose());
      void track(stream.write('last words'));
      stream.endWrite();
    },
    async server(stream, { track }) {
      stream.endWrite();
      await either(track(stream.readUntilClose()));
    },
  },
  {
    name: 'the client closes in the middle of its own read',
    async client(stream, { track, signal }) {
      const read = track(stream.readBytes(10, { signal }));
      await nextTurn();
      stream.close();
      await either(read);
    },
    server: sitThere,
  },
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
    name: 'connecting is aborted',
    async opens({ client, port, track, random }) {
      const controller = new AbortController();
      const connecting = track(client.connect({ host: HOST, port, signal: controller.signal }));
      for (let turns = random(4); turns > 0; turns -= 1) await (turns % 2 === 0 ? nextTurn() : undefined);
      controller.abort(new Error('no longer wanted'));
      await connecting.then(
        (stream) => stream.close(),
        () => {},
      );
    },
    client: sitThere,
    server: sitThere,
  },
  {
    name: 'the deadline passes in a TLS handshake that is never answered',
    async opens({ virtualClient, port, track, signal }) {
      const options = { host: HOST, port, signal, tls: true, timeoutMs: 20_000 } as const;
      const error = await track(virtualClient.connect(options)).catch((reason: unknown) => reason);
      if ((error as { code?: string }).code !== 'ERR_STREAM_TIMEOUT') throw error;
    },
    client: sitThere,
    server: sitThere,
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
    name: 'the client half-closes, then resets',
    async client(stream) {
      stream.endWrite();
      await nextTurn();
      stream.reset();
    },
    async server(stream, scene) {
      await either(scene.track(stream.readUntilClose()));
      await writeUntilRefused(stream, scene);
    },
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
    name: 'the server gives the connection to a Node socket',
    client: readToEnd,
    async server(stream) {
      const socket = stream.detachTransport().detach();
      socket.on('error', () => {});
      socket.resume();
      socket.end('from Node');
      await once(socket, 'close');
    },
  },
  {
    name: 'the server makes it a Duplex and destroys that',
    client: readToEnd,
    async server(stream) {
      const duplex = toDuplex(stream);
      duplex.write('from a Duplex');
      duplex.destroy();
      await once(duplex, 'close');
    },
  },
  {
    name: 'the server closes gracefully',
    client: readToEnd,
    async server(stream, { track }) {
      void track(stream.write('last words'));
      stream.closeGracefully();
      await track(stream.waitClosed());
    },
  },
  {
    name: 'a graceful close has to be ended by its deadline',
    async opens({ virtualClient, port, track, signal }) {
      const stream = await track(virtualClient.connect({ host: HOST, port, signal, timeoutMs: 0 }));
      await track(stream.write(wayOf('a graceful close has to be ended by its deadline')));
      stream.closeGracefully(1_000);
      await track(stream.waitClosed());
    },
    client: sitThere,
    async server(stream, scene) {
      await either(scene.track(stream.readUntilClose()));
      await writeUntilRefused(stream, scene);
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

/** The first byte that a client sends: what is to happen to the connection. */
export function wayOf(name: string): Buffer {
  return Buffer.from([ENDINGS.findIndex((ending) => ending.name === name)]);
}
