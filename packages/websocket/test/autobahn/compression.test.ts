// Sections 12 and 13 of the Autobahn test suite: a foreign end sends compressed messages and expects each one back.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { WebSocketHandler, type WebSocketOptions, websocketConnect } from '../../src/index.ts';
import { COMPRESSION_DATA, type CompressionData, messageAt } from '../fixtures/compression-data.ts';
import { DeflatePeer, withDeflateServer } from '../fixtures/deflate-peer.ts';
import { withApp } from '../fixtures/running-application.ts';

/** The sizes of cases 12.x.1 to 12.x.18, and of 13.x.1 to 13.x.18: bytes of a message, and of a fragment. */
const SIZES: readonly (readonly [messageBytes: number, fragmentBytes: number])[] = [
  [16, 0],
  [64, 0],
  [256, 0],
  [1024, 0],
  [4096, 0],
  [8192, 0],
  [16_384, 0],
  [32_768, 0],
  [65_536, 0],
  [131_072, 0],
  [8192, 256],
  [16_384, 256],
  [32_768, 256],
  [65_536, 256],
  [131_072, 256],
  [131_072, 1024],
  [131_072, 4096],
  [131_072, 32_768],
];

/** Autobahn sends 1,000 messages of each size; these are enough for windows to fill and to be taken over. */
const messageCount = (bytes: number): number => Math.max(3, Math.min(40, 65_536 / bytes));

const [JSON_DATA, PICTURE, GERMAN, HTML, DOCUMENT] = COMPRESSION_DATA as [
  CompressionData,
  CompressionData,
  CompressionData,
  CompressionData,
  CompressionData,
];

const SECTION_12 = [
  ['12.1', JSON_DATA],
  ['12.2', PICTURE],
  ['12.3', GERMAN],
  ['12.4', HTML],
  ['12.5', DOCUMENT],
] as const;

/** The default offer of Autobahn. */
const OFFER = 'permessage-deflate; client_no_context_takeover; client_max_window_bits';

const TAKEOVER = { contextTakeover: true };

type Compression = NonNullable<WebSocketOptions['compression']>;

/** Runs the sizes of a section, each on a connection of its own, and checks every message that comes back. */
async function expectEchoes(
  section: string,
  data: CompressionData,
  open: () => Promise<DeflatePeer>,
): Promise<void> {
  let at = 0;
  for (const [i, [messageBytes, fragmentBytes]] of SIZES.entries()) {
    const name = `${section}.${i + 1}`;
    const peer = await open();
    try {
      let sent = 0;
      let echoed = 0;
      for (let count = messageCount(messageBytes); count > 0; count -= 1) {
        const message = messageAt(data, at, messageBytes);
        at += messageBytes;
        peer.send(message, { isText: data.isText, fragmentBytes });
        const echo = await peer.message();
        expect(echo.isText, name).toBe(data.isText);
        expect(echo.data.equals(message), name).toBe(true);
        sent += messageBytes;
        echoed += echo.wireBytes;
      }
      // Short messages may be sent as they are, and random bytes cannot be compressed.
      if (messageBytes >= 4096 && data !== DOCUMENT) expect(echoed, name).toBeLessThan(sent * 0.9);
      expect(await peer.close(), name).toBe(1000);
    } finally {
      peer.destroy();
    }
  }
}

function withEcho(compression: Compression, use: (port: number) => Promise<void>): Promise<void> {
  class Echo extends WebSocketHandler {
    override connectionOptions(): WebSocketOptions {
      return { compression };
    }

    override onMessage(message: string | Uint8Array): unknown {
      return this.writeMessage(message);
    }
  }
  return withApp([['/', Echo]], ({ port }) => use(port));
}

/** Opens a connection of our client, which sends every message back, and returns the server's end. */
async function openEchoClient(
  url: string,
  compression: Compression,
  nextPeer: () => Promise<DeflatePeer>,
): Promise<DeflatePeer> {
  const [connection, peer] = await Promise.all([websocketConnect(url, { compression }), nextPeer()]);
  const echo = async (): Promise<void> => {
    for await (const message of connection) await connection.writeMessage(message);
  };
  void echo().catch(() => connection.abort());
  return peer;
}

describe('WebSocketHandler, Autobahn section 12', () => {
  it.each(SECTION_12)('%s echoes compressed messages of every size [WS-17]', (section, data) =>
    withEcho(true, (port) => expectEchoes(section, data, () => DeflatePeer.connect(port, OFFER))),
  );

  it.each(SECTION_12)('%s does so with context takeover [WS-17]', (section, data) =>
    withEcho(TAKEOVER, (port) =>
      expectEchoes(section, data, () => DeflatePeer.connect(port, 'permessage-deflate')),
    ),
  );
});

/** What the clients of section 13 offer, and what a server that allows context takeover responds. */
const OFFERS: readonly (readonly [section: string, offer: string, response: string])[] = [
  ['13.1', OFFER, 'permessage-deflate; client_no_context_takeover'],
  [
    '13.2',
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits',
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
  [
    '13.3',
    'permessage-deflate; server_max_window_bits=9; client_no_context_takeover; client_max_window_bits',
    'permessage-deflate; client_no_context_takeover; server_max_window_bits=9',
  ],
  [
    '13.4',
    'permessage-deflate; server_max_window_bits=15; client_no_context_takeover; client_max_window_bits',
    'permessage-deflate; client_no_context_takeover; server_max_window_bits=15',
  ],
  [
    '13.5',
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits',
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=9',
  ],
  [
    '13.6',
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=15; client_max_window_bits',
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=15',
  ],
  [
    '13.7',
    // In older versions of the suite the first offer has a window of 8, which is declined.
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=8; client_max_window_bits, permessage-deflate; server_no_context_takeover, permessage-deflate',
    'permessage-deflate; server_no_context_takeover',
  ],
];

describe('WebSocketHandler, Autobahn section 13', () => {
  it.each(OFFERS)('%s accepts %j and echoes messages of every size [WS-17]', (section, offer, response) =>
    withEcho(TAKEOVER, (port) =>
      expectEchoes(section, JSON_DATA, async () => {
        const peer = await DeflatePeer.connect(port, offer);
        expect(peer.extensions).toBe(response);
        return peer;
      }),
    ),
  );

  it.each([9, 10, 11, 12, 13, 14, 15])(
    'compresses within a window of %i bits, and decompresses one [WS-17]',
    (bits) =>
      withEcho(TAKEOVER, async (port) => {
        const offer = `permessage-deflate; server_max_window_bits=${bits}; client_max_window_bits=${bits}`;
        const peer = await DeflatePeer.connect(port, offer);
        expect(peer.extensions).toBe(offer);
        await expectRepetitions(peer);
      }),
  );

  it.each([
    'permessage-deflate; server_max_window_bits=8',
    'permessage-deflate; client_max_window_bits=8',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; client_max_window_bits=16',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; client_no_context_takeover; client_no_context_takeover',
    'permessage-deflate; unknown, x-webkit-deflate-frame',
  ])('declines %j with a 101, and echoes without compression [WS-17] [ATT-69]', (offer) =>
    withEcho(true, async (port) => {
      const peer = await DeflatePeer.connect(port, offer);
      expect(peer.extensions).toBeUndefined();
      peer.send(messageAt(JSON_DATA, 0, 8192), { isText: true });
      expect(await peer.message()).toMatchObject({ isCompressed: false, wireBytes: 8192 });
      expect(await peer.close()).toBe(1000);
    }),
  );
});

/**
 * Sends a text that repeats after 200 bytes, 500 bytes, and so on up to 30,000 bytes: with every window, some of the
 * repetitions are within reach and others are not.
 */
async function expectRepetitions(peer: DeflatePeer): Promise<void> {
  try {
    for (const distance of [200, 500, 1000, 2000, 4000, 8000, 16_000, 30_000]) {
      const part = messageAt(HTML, distance, distance);
      const message = Buffer.concat([part, part, part]);
      peer.send(message, { isText: false });
      const echo = await peer.message();
      expect(echo.data.equals(message), `at a distance of ${distance}`).toBe(true);
    }
    expect(await peer.close()).toBe(1000);
  } finally {
    peer.destroy();
  }
}

describe('websocketConnect, Autobahn section 12', () => {
  it.each(SECTION_12)('%s echoes compressed messages of every size [WS-17] [WS-20]', (section, data) =>
    withDeflateServer(
      () => 'permessage-deflate',
      (url, nextPeer) => expectEchoes(section, data, () => openEchoClient(url, TAKEOVER, nextPeer)),
    ),
  );
});

describe('websocketConnect, Autobahn section 13', () => {
  it.each([
    ['13.1', 'permessage-deflate'],
    ['13.2', 'permessage-deflate; client_no_context_takeover'],
    ['13.3', 'permessage-deflate; client_max_window_bits=9'],
    ['13.4', 'permessage-deflate; client_max_window_bits=15'],
    ['13.5', 'permessage-deflate; client_no_context_takeover; client_max_window_bits=9'],
    ['13.6', 'permessage-deflate; client_no_context_takeover; client_max_window_bits=15'],
    ['13.7', 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
  ])('%s complies with %j and echoes messages of every size [WS-17] [WS-20]', (section, response) =>
    withDeflateServer(
      () => response,
      (url, nextPeer) => expectEchoes(section, JSON_DATA, () => openEchoClient(url, TAKEOVER, nextPeer)),
    ),
  );

  it.each([9, 10, 11, 12, 13, 14, 15])(
    'compresses within a window of %i bits, and decompresses one [WS-17] [WS-20]',
    (bits) =>
      withDeflateServer(
        () => `permessage-deflate; server_max_window_bits=${bits}; client_max_window_bits=${bits}`,
        async (url, nextPeer) => expectRepetitions(await openEchoClient(url, TAKEOVER, nextPeer)),
      ),
  );

  it('offers the limits that are set [WS-17] [WS-20]', () =>
    withDeflateServer(
      (offer) => offer,
      async (url, nextPeer) => {
        const limits = { contextTakeover: false, maxWindowBits: 10, peerMaxWindowBits: 11 };
        const peer = await openEchoClient(url, limits, nextPeer);
        expect(peer.extensions).toBe(
          'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11; client_max_window_bits=10',
        );
        await expectRepetitions(peer);
      },
    ));

  it('sends without compression to a server that declines [WS-17] [WS-20]', () =>
    withDeflateServer(
      () => undefined,
      async (url, nextPeer) => {
        const peer = await openEchoClient(url, TAKEOVER, nextPeer);
        peer.send(messageAt(JSON_DATA, 0, 8192), { isText: true });
        expect(await peer.message()).toMatchObject({ isCompressed: false, wireBytes: 8192 });
        expect(await peer.close()).toBe(1000);
      },
    ));

  it.each([
    ['permessage-deflate; client_max_window_bits=8', 'ERR_WEBSOCKET_BAD_EXTENSION'],
    ['permessage-deflate; server_max_window_bits=16', 'ERR_WEBSOCKET_BAD_EXTENSION'],
    ['permessage-deflate; client_max_window_bits', 'ERR_WEBSOCKET_BAD_EXTENSION'],
    ['permessage-deflate, permessage-deflate', 'ERR_WEBSOCKET_BAD_EXTENSION'],
    ['permessage-deflate; unknown', 'ERR_WEBSOCKET_BAD_EXTENSION'],
    ['permessage-bzip2', 'ERR_WEBSOCKET_UNOFFERED_EXTENSION'],
  ])('refuses %j with %s [WS-17] [WS-20]', (response, code) =>
    withDeflateServer(
      () => response,
      async (url) => {
        await expect(websocketConnect(url, { compression: TAKEOVER })).rejects.toMatchObject({
          code,
          status: 101,
        });
      },
    ),
  );
});

// The foreign end of these tests is itself checked against another implementation.
describe('the peer of these tests', () => {
  it('understands the server of ws', async () => {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      perMessageDeflate: { threshold: 0 },
    });
    server.on('connection', (socket) =>
      socket.on('message', (data: RawData, isBinary: boolean) =>
        socket.send(data as Buffer, { binary: isBinary }),
      ),
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      await expectEchoes('12.1', JSON_DATA, () => DeflatePeer.connect(port, 'permessage-deflate'));
      await expectEchoes('12.2', PICTURE, () => DeflatePeer.connect(port, OFFER));
      for (const bits of [9, 12, 15]) {
        const offer = `permessage-deflate; server_max_window_bits=${bits}; client_max_window_bits=${bits}`;
        await expectRepetitions(await DeflatePeer.connect(port, offer));
      }
    } finally {
      server.close();
      await once(server, 'close');
    }
  });

  it('understands the client of ws', () =>
    withDeflateServer(
      () => 'permessage-deflate; server_max_window_bits=10; client_max_window_bits=11',
      async (url, nextPeer) => {
        const open = async (): Promise<DeflatePeer> => {
          const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
          socket.on('message', (data: RawData, isBinary: boolean) =>
            socket.send(data as Buffer, { binary: isBinary }),
          );
          return nextPeer();
        };
        await expectEchoes('12.4', HTML, open);
        await expectRepetitions(await open());
      },
    ));
});
