import { describe, expect, it } from 'vitest';
import {
  bindSockets,
  bindUnixSocket,
  CachingResolver,
  CaresResolver,
  fromWeb,
  IOStream,
  join,
  OverrideResolver,
  openFd,
  Subprocess,
  SystemResolver,
  startTls,
  TCPClient,
  TCPServer,
  toDuplex,
  toWeb,
} from '../src/index.ts';
import { connectTls, memoryPair, NodeTransport } from '../src/transports/index.ts';

const host = '127.0.0.1';
const client = new TCPClient();
const server = () => new TCPServer({ handleStream: (stream) => stream.close() });
const pair = () => IOStream.pair();
const one = () => pair()[0];

/** Every place of this package that takes options. What the compiler would refuse is cast in one place, below. */
const DOORS: Readonly<Record<string, (options: object) => unknown>> = {
  IOStream: (options) => new IOStream(memoryPair()[0], options),
  'IOStream.pair': (options) => IOStream.pair(options),
  'IOStream.fromFd': (options) => IOStream.fromFd(0, options),
  'IOStream.fromDuplex': (options) => IOStream.fromDuplex(toDuplex(one()), options),
  openFd: (options) => openFd(0, options),
  fromWeb: (options) => fromWeb(toWeb(one()), options),
  NodeTransport: (options) => new NodeTransport(toDuplex(one()), options),
  readUntil: (options) => one().readUntil('\n', options),
  readUntilRegex: (options) => one().readUntilRegex(/x/, options),
  readBytes: (options) => one().readBytes(1, options),
  readInto: (options) => one().readInto(Buffer.alloc(1), options),
  readUntilClose: (options) => one().readUntilClose(options),
  lines: (options) => one().lines(options),
  chunks: (options) => one().chunks(options),
  records: (options) => one().records(1, options),
  pipeTo: (options) => one().pipeTo(one(), options),
  join: (options) => join(one(), one(), options),
  sendFile: (options) => one().sendFile(0, options),
  waitDrained: (options) => one().waitDrained(options),
  waitClosed: (options) => one().waitClosed(options),
  startTls: (options) =>
    startTls(one(), { server: false, tls: { servername: 'a.example' }, ...options } as never),
  'startTls stream': (options) =>
    startTls(one(), { server: false, tls: { servername: 'a.example' }, stream: options }),
  connectTls: (options) => connectTls(memoryPair()[0], { servername: 'a.example', ...options }),
  TCPServer: (options) => new TCPServer({ handleStream() {}, ...options }),
  'TCPServer proxyProtocol': (options) =>
    new TCPServer({ handleStream() {}, proxyProtocol: { from: ['unix'], ...options } }),
  'TCPServer tls': (options) => new TCPServer({ handleStream() {}, tls: options }),
  'TCPServer.listen': (options) => server().listen({ host, ...options }),
  bindSockets: (options) => bindSockets(0, options),
  bindUnixSocket: (options) => bindUnixSocket('\0landspout', options),
  TCPClient: (options) => new TCPClient(options),
  'TCPClient.connect': (options) => client.connect({ host, port: 1, ...options }),
  'TCPClient.connect path': (options) => client.connect({ path: '/no/such/socket', ...options }),
  SystemResolver: (options) => new SystemResolver().resolve(host, options),
  OverrideResolver: (options) => new OverrideResolver({}, new SystemResolver()).resolve(host, options),
  CachingResolver: (options) => new CachingResolver(new SystemResolver(), options),
  'CachingResolver.resolve': (options) => new CachingResolver(new SystemResolver()).resolve(host, options),
  CaresResolver: (options) => new CaresResolver(options),
  'CaresResolver.resolve': (options) => new CaresResolver().resolve(host, options),
  Subprocess: (options) => Subprocess.spawn('true', [], options),
};

const openDoor = async (door: string, options: object): Promise<unknown> => DOORS[door]?.(options);

describe('options that are not known', () => {
  it.each(Object.keys(DOORS))('are refused by name by %s', async (door) => {
    await expect(openDoor(door, { zzz: 1 })).rejects.toThrow(/^\w+: unknown option "zzz"/);
    await expect(openDoor(door, { zzz: 1 })).rejects.toHaveProperty('code', expect.stringMatching(/_USAGE$/));
  });

  it('come with the name that was probably meant', async () => {
    await expect(client.connect({ host, port: 1, timeout: 5 } as never)).rejects.toThrow(
      'connect: unknown option "timeout": did you mean "timeoutMs"?',
    );
    await expect(one().readUntil('\n', { max_bytes: 5 } as object)).rejects.toThrow('mean "maxBytes"?');
    expect(() => new TCPServer({ handlestream() {} } as object)).toThrow('mean "handleStream"?');
    await expect(server().listen({ hostname: host } as object)).rejects.toThrow('mean "host"?');
  });

  it('count as absent when their value is undefined', async () => {
    const [a, b] = pair();
    void b.write('x\n');
    const line = await a.readUntil('\n', { zzz: undefined, signal: undefined } as object);
    expect(line.toString()).toBe('x\n');
  });

  it('are looked for in a read only: what the stream holds is still there', async () => {
    const [a, b] = pair();
    void b.write('x\n');
    await expect(a.readUntil('\n', { zzz: 1 } as object)).rejects.toThrow('unknown option');
    expect((await a.readUntil('\n')).toString()).toBe('x\n');
  });

  it.each([16, 'text', null])('nor is %j an object of options', async (options) => {
    const stream = one();
    const given = options as unknown as object;
    await expect(stream.readUntil('\n', given)).rejects.toThrow('an object of options was expected');
    await expect(stream.readBytes(1, given)).rejects.toThrow('an object of options was expected');
    await expect(stream.waitDrained(given)).rejects.toThrow('an object of options was expected');
  });

  it('leaves a stream as it was whose startTls is refused', async () => {
    const [a, b] = pair();
    const tls = { servername: 'a.example' };
    const wrong = startTls(a, { server: false, tls, stream: { zzz: 1 } as object });
    await expect(wrong).rejects.toThrow('unknown option "zzz"');
    void a.write('still here\n');
    expect((await b.readUntil('\n')).toString()).toBe('still here\n');
  });
});

describe('a port as text, as the environment has it', () => {
  it('is taken by listen and connect', async () => {
    await using echo = await server().listen({ host, port: '0' });
    await using stream = await client.connect({ host, port: String(echo.port) });
    expect(await stream.readUntilClose()).toHaveLength(0);
  });

  it('is the default when it is undefined', async () => {
    const env: Record<string, string | undefined> = {};
    await using free = await server().listen({ host, port: env.PORT });
    expect(free.port).toBeGreaterThan(0);
    const [socket] = await bindSockets('0', { address: host });
    await socket?.close();
  });

  it.each(['', 'http', '80.5', '99999', ' 80', '-1'])(
    'is refused when it is %j, which is named',
    async (port) => {
      const refusal = new RegExp(`ort of 0 to 65535 was expected, not "${port}" \\(an? (empty )?string\\)`);
      for (const refused of [
        server().listen({ host, port }),
        bindSockets(port, { address: host }),
        client.connect({ host, port }),
        client.connect({ host, port: 1, localPort: port }),
      ]) {
        await expect(refused).rejects.toThrow(refusal);
        await expect(refused).rejects.toHaveProperty('code', 'ERR_STREAM_USAGE');
      }
    },
  );

  it('has a remedy when a variable is set to nothing, and when the port stands alone', async () => {
    await expect(server().listen({ host, port: '' })).rejects.toThrow('write PORT || 8080');
    await expect(server().listen(8888 as never)).rejects.toThrow('not 8888: write listen({ port: 8888 })');
  });
});
