import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { bindSockets } from '../../src/index.ts';
import type { Transport } from '../../src/transports/index.ts';
import { ReactorTransport } from '../../src/transports/reactor-transport.ts';

/** Whether TCP_NODELAY is set: what the system says of a descriptor, and what Node remembers of a socket. */
function isUndelayed(transport: Transport): boolean {
  if (transport instanceof ReactorTransport) {
    const { binding, options } = IOLoop.current().reactor as NonNullable<IOLoop['reactor']>;
    return binding.getOption(transport.slot, transport.generation, options.NODELAY) > 0;
  }
  const socket = transport.detach() as Socket;
  const flag = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'kSetNoDelay');
  const isSet = flag !== undefined && (socket as unknown as Record<symbol, unknown>)[flag] === true;
  socket.destroy();
  return isSet;
}

describe('an accepted connection', () => {
  it('does not wait for more to send: TCP_NODELAY is set from its beginning [H1-17]', async () => {
    const [socket] = await bindSockets(0, { address: '127.0.0.1' });
    if (socket === undefined || !('port' in socket.address)) throw new Error('no socket was bound');
    const accepted = new Promise<Transport>((resolve) => void socket.addAcceptHandler(resolve));
    const client = connect({ port: socket.address.port, host: '127.0.0.1' });
    await once(client, 'connect');
    const transport = await accepted;
    expect(isUndelayed(transport)).toBe(true);
    transport.close();
    client.destroy();
    await socket.close();
  });
});
