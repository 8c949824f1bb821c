import { once } from 'node:events';
import { toDuplex } from '../../../src/index.ts';
import {
  type Ending,
  either,
  HOST,
  nextTurn,
  readToEnd,
  sitThere,
  writeUntilRefused,
} from './churn-scene.ts';

/** Of the connection itself: who closes it, and how. */
export const CONNECTION_ENDINGS: readonly Ending[] = [
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
    name: 'connecting is aborted',
    async opens({ client, port, track, random }) {
      const controller = new AbortController();
      const connecting = track(client.connect({ host: HOST, port, signal: controller.signal }));
      // Before the system is asked, while it connects, and when it has.
      for (let steps = random(24); steps > 0; steps -= 1) await undefined;
      if (random(4) === 0) await nextTurn();
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
    async opens({ virtualClient, port, track, signal }, way) {
      const stream = await track(virtualClient.connect({ host: HOST, port, signal, timeoutMs: 0 }));
      await track(stream.write(way));
      stream.closeGracefully(1_000);
      await track(stream.waitClosed());
    },
    client: sitThere,
    async server(stream, scene) {
      await either(scene.track(stream.readUntilClose()));
      await writeUntilRefused(stream, scene);
    },
  },
];
