import { once } from 'node:events';
import { connect as nodeConnect } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { describe, expect, it } from 'vitest';
import { type CompliancePair, transportCompliance } from '../../src/compliance/index.ts';
import { bindSockets } from '../../src/index.ts';
import { ProxyAcceptor } from '../../src/proxy-protocol/proxy-acceptor.ts';
import { resolveProxyOptions } from '../../src/proxy-protocol/proxy-options.ts';
import { memoryPair, NodeTransport, type Transport } from '../../src/transports/index.ts';

const loop = IOLoop.current();
const framework = { describe, it };
// One that leaves the addresses as they are: the suite compares them with those of the other end.
const HEADER = 'PROXY UNKNOWN\r\n';

/** Behind the header that comes through `transport`. */
function behindHeader(transport: Transport): Promise<Transport> {
  const settings = resolveProxyOptions({ from: ['127.0.0.1'] });
  const acceptor = new ProxyAcceptor(settings, loop, new RateLimitedLog(loop));
  return new Promise((resolve, reject) => {
    acceptor.accept(transport, {
      complete: resolve,
      gone: () => reject(new Error('the header did not come')),
    });
  });
}

transportCompliance('proxied transport over memory', framework, async () => {
  const [a, below] = memoryPair();
  a.write(HEADER);
  a.flush();
  return { a, b: await behindHeader(below), close: async () => {} };
});

transportCompliance('proxied transport over TCP', framework, async (): Promise<CompliancePair> => {
  const [listening] = await bindSockets(0, { address: '127.0.0.1' });
  if (listening === undefined) throw new Error('nothing listens');
  const arrival = new Promise<Transport>((resolve) => {
    listening.addAcceptHandler((transport) => resolve(behindHeader(transport)));
  });
  const { port } = listening.address as { port: number };
  const socket = nodeConnect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }).pause();
  await once(socket, 'connect');
  // Before there is a transport, which would count these bytes as its own.
  await new Promise<unknown>((resolve) => socket.write(HEADER, resolve));
  return { a: new NodeTransport(socket), b: await arrival, close: () => listening.close() };
});

describe('a proxied transport with bytes right behind its header', () => {
  /** @returns the transport, whoever hears of it attached, and what was heard. */
  async function withEarlyBytes(): Promise<{ transport: Transport; heard: string[] }> {
    const [far, below] = memoryPair();
    far.write(`${HEADER}early`);
    far.flush();
    const transport = await behindHeader(below);
    const heard: string[] = [];
    transport.attach({
      received: (bytes, start, end) => void heard.push(bytes.toString('latin1', start, end)),
      ended: () => void heard.push('ended'),
      sent() {},
      closed: () => void heard.push('closed'),
    });
    return { transport, heard };
  }

  const turns = async (): Promise<void> => {
    for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  it('keeps them until it is resumed, and tells of them once', async () => {
    const { transport, heard } = await withEarlyBytes();
    await turns();
    expect(heard).toEqual([]);
    transport.resume();
    expect(heard).toEqual([]);
    transport.pause();
    await turns();
    expect(heard).toEqual([]);
    transport.resume();
    transport.pause();
    transport.resume();
    await turns();
    expect(heard).toEqual(['early']);
    transport.close();
  });

  it('tells of none once it is closed', async () => {
    const { transport, heard } = await withEarlyBytes();
    transport.resume();
    transport.close();
    await turns();
    expect(heard).toEqual(['closed']);
  });

  it('gives them away with the channel', async () => {
    const { transport, heard } = await withEarlyBytes();
    const duplex = transport.detach();
    const [bytes] = (await once(duplex, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('early');
    expect(heard).toEqual([]);
    duplex.destroy();
  });
});
