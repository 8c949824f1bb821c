import { createServer } from 'node:net';
import { constants } from 'node:os';
import { IOLoop, SystemError } from '@landspout/ioloop';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type BindSocketsOptions,
  bindSockets,
  type IOStream,
  type SocketAddress,
  TCPClient,
  TCPServer,
} from '../../src/index.ts';
import type { ListeningSocket, Transport } from '../../src/transports/index.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';

const client = new TCPClient();
const host = '127.0.0.1';
const LOOPBACK = { address: host };

const portOf = (address: SocketAddress | undefined): number =>
  address !== undefined && 'port' in address ? address.port : -1;

async function echoLines(stream: IOStream): Promise<void> {
  for (;;) await stream.write(await stream.readUntil('\n'));
}

async function expectEcho(port: number, to = host): Promise<void> {
  await using stream = await client.connect({ host: to, port });
  void stream.write('hello\n');
  expect((await stream.readUntil('\n')).toString()).toBe('hello\n');
}

const hasIPv6 = await new Promise<boolean>((resolve) => {
  const probe = createServer().once('error', () => resolve(false));
  probe.listen(0, '::1', () => probe.close(() => resolve(true)));
});

describe('bindSockets', () => {
  const opened: ListeningSocket[] = [];
  afterEach(() => Promise.all(opened.splice(0).map((socket) => socket.close())));

  async function bind(port: number, options?: BindSocketsOptions): Promise<ListeningSocket[]> {
    const sockets = await bindSockets(port, options);
    opened.push(...sockets);
    return sockets;
  }

  it.each([undefined, 'localhost'])(
    'opens one socket for each family of address %s, with one port [NET-01]',
    async (address) => {
      const sockets = await bind(0, address === undefined ? {} : { address });
      const families = sockets.map((socket) => socket.address.family);
      expect(families).toEqual(hasIPv6 ? ['IPv4', 'IPv6'] : ['IPv4']);
      expect(new Set(sockets.map((socket) => portOf(socket.address))).size).toBe(1);
    },
  );

  it('lets an IPv6 socket take IPv6 alone [NET-01]', async () => {
    // On a machine without IPv6 there is none to look at, and IPv4 is what is left.
    const [socket] = await bind(0, hasIPv6 ? { address: '::' } : { address: '0.0.0.0' });
    const port = portOf(socket?.address);
    const other = hasIPv6 ? '0.0.0.0' : '127.0.0.1';
    const beside = bind(port, { address: other });
    if (hasIPv6) expect(portOf((await beside)[0]?.address)).toBe(port);
    else await expect(beside).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('opens the sockets of one family when asked to [NET-01]', async () => {
    const sockets = await bind(0, { address: 'localhost', family: 4 });
    expect(sockets.map(({ address }) => address.family)).toEqual(['IPv4']);
  });

  it('opens an address once, in whichever spelling it came [NET-01]', async () => {
    const sockets = await bind(0, { address: '::ffff:127.0.0.1' });
    expect(sockets.map(({ address }) => address)).toMatchObject([{ family: 'IPv4', address: host }]);
  });

  it('says which address is in use, and leaves nothing open [NET-01]', async () => {
    const [socket] = await bind(0, LOOPBACK);
    const port = portOf(socket?.address);
    const before = openDescriptors();
    const error = await bindSockets(port, { address: 'localhost' }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: `${host}:${port}` });
    await untilDescriptorsAre(before);
  });

  it.each([
    [70_000, {}],
    [1.5, {}],
    [0, { backlog: 0 }],
    [0, { family: 5 as 4 }],
    [0, { address: host, family: 6 }],
  ] satisfies [number, BindSocketsOptions][])('refuses port %d with %j [NET-01]', async (port, options) => {
    await expect(bindSockets(port, options)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });

  it('shares a port among sockets, or says that this system cannot [NET-01]', async () => {
    const options = { ...LOOPBACK, reusePort: true };
    const outcome = await bind(0, options).then(
      ([socket]) => bind(portOf(socket?.address), options).then(() => 'shared'),
      (error: { code: string }) => error.code,
    );
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const nodeCan = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
    const isNative = IOLoop.current().backend === 'native';
    expect(outcome).toBe(isNative || nodeCan ? 'shared' : 'ERR_STREAM_USAGE');
  });

  it('gives a server sockets to serve, which close with it [SRV-02]', async () => {
    const sockets = await bind(0, LOOPBACK);
    const server = new TCPServer({ handleStream: echoLines });
    await server.addSockets(sockets);
    await server.addSockets(await bind(0, LOOPBACK));
    expect(server.addresses).toHaveLength(2);
    for (const address of server.addresses) await expectEcho(portOf(address));
    await server.closeAll();
    await expect(client.connect({ host, port: portOf(sockets[0]?.address) })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it.each([[[]], [[{}]], ['sockets']])('is what a server wants, not %j [SRV-02]', async (sockets) => {
    const server = new TCPServer({ handleStream() {} });
    await expect(server.addSockets(sockets as unknown as ListeningSocket[])).rejects.toMatchObject({
      code: 'ERR_STREAM_USAGE',
    });
  });

  it('gives a server all sockets or none [SRV-02]', async () => {
    const [taken, free] = [...(await bind(0, LOOPBACK)), ...(await bind(0, LOOPBACK))] as [
      ListeningSocket,
      ListeningSocket,
    ];
    taken.addAcceptHandler((transport) => transport.close());
    const server = new TCPServer({ handleStream: echoLines });
    await expect(server.addSockets([free, taken])).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
    expect(server.addresses).toEqual([]);
    await server.addSockets([free]);
    await expectEcho(server.port);
    await server.closeAll();
  });

  it('does not go together with a port [SRV-02]', async () => {
    const server = new TCPServer({ handleStream() {} });
    await expect(server.listen({ port: 0, sockets: await bind(0, LOOPBACK) } as never)).rejects.toMatchObject(
      {
        code: 'ERR_STREAM_USAGE',
        message: expect.stringContaining('sockets cannot be combined with port'),
      },
    );
  });
});

describe('ListeningSocket.addAcceptHandler', () => {
  const transports: Transport[] = [];
  afterEach(() => {
    vi.restoreAllMocks();
    for (const transport of transports.splice(0)) transport.close();
  });

  const open = async (loop?: IOLoop): Promise<ListeningSocket> => {
    const options = loop === undefined ? LOOPBACK : { ...LOOPBACK, loop };
    return (await bindSockets(0, options))[0] as ListeningSocket;
  };
  const keep = (transport: Transport): void => void transports.push(transport);

  it('takes the connections that were waiting [NET-03]', async () => {
    await using socket = await open();
    const port = portOf(socket.address);
    await using first = await client.connect({ host, port });
    await using second = await client.connect({ host, port });
    socket.addAcceptHandler(keep);
    await until(() => transports.length === 2);
    const ports = transports.map((transport) => portOf(transport.remoteAddress));
    expect(ports).toEqual([portOf(first.localAddress), portOf(second.localAddress)]);
  });

  it('lets connections wait again once it is unregistered, for the next handler [NET-03]', async () => {
    await using socket = await open();
    const port = portOf(socket.address);
    const seen: string[] = [];
    const stop = socket.addAcceptHandler((transport) => {
      seen.push('first');
      keep(transport);
    });
    await using one = await client.connect({ host, port });
    await until(() => seen.length === 1);
    stop();
    stop();
    await using two = await client.connect({ host, port });
    expect(one.remoteAddress).toEqual(two.remoteAddress);
    socket.addAcceptHandler((transport) => {
      seen.push('second');
      keep(transport);
    });
    stop(); // of the first, long over
    await until(() => seen.length === 2);
    await using _three = await client.connect({ host, port });
    await until(() => seen.length === 3);
    expect(seen).toEqual(['first', 'second', 'second']);
  });

  it('may be unregistered by the handler itself, in the middle of a burst [NET-03]', async () => {
    await using socket = await open();
    const port = portOf(socket.address);
    const streams = await Promise.all([1, 2, 3].map(() => client.connect({ host, port })));
    const stop = socket.addAcceptHandler((transport) => {
      keep(transport);
      stop();
    });
    await until(() => transports.length === 1);
    socket.addAcceptHandler(keep);
    await until(() => transports.length === 3);
    for (const stream of streams) stream.close();
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a bug'))],
  ])('logs the failure of a handler that %s, and closes the connection [NET-03]', async (_how, fail) => {
    const { loop, of } = recordingLoop();
    await using socket = await open(loop);
    socket.addAcceptHandler(fail);
    for (let count = 1; count <= 2; count += 1) {
      await using stream = await client.connect({ host, port: portOf(socket.address) });
      expect((await stream.readUntilClose()).length).toBe(0);
      await until(() => of('error').length === count);
    }
    expect(of('error')[0]).toMatchObject({ message: 'the accept handler failed; its connection is closed' });
  });

  it('has one handler at a time, and none after the close [NET-03]', async () => {
    const socket = await open();
    const stop = socket.addAcceptHandler(keep);
    expect(() => socket.addAcceptHandler(keep)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
    await socket.close();
    await socket.close();
    stop();
    expect(() => socket.addAcceptHandler(keep)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });

  it('closes the connections that were not taken [NET-03]', async () => {
    const socket = await open();
    await using stream = await client.connect({ host, port: portOf(socket.address) });
    await socket.close();
    const end = await stream.readUntilClose().then(
      ({ length }) => length,
      ({ cause }: { cause: { code: string } }) => cause.code,
    );
    expect(end === 0 || end === 'ECONNRESET').toBe(true);
  });

  it('passes over a connection that its peer has broken off before it is accepted [NET-03]', async () => {
    const { loop, records } = recordingLoop();
    await using socket = await open(loop);
    const port = portOf(socket.address);
    for (let i = 0; i < 3; i += 1) (await client.connect({ host, port })).reset();
    const { reactor } = loop;
    if (reactor !== undefined) {
      // Linux hands over most of them as connections; what it says of the others, and other systems of all, is this.
      const aborted = vi.spyOn(reactor.binding, 'accept');
      aborted.mockReturnValueOnce(-constants.errno.ECONNABORTED);
    }
    await using server = new TCPServer({ loop, handleStream: echoLines });
    await server.addSockets([socket]);
    await expectEcho(port);
    await until(() => server.openConnections === 0);
    expect(records).toEqual([]);
  });
});
