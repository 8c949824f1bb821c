import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TCPServer } from '../../src/index.ts';

const CLIENTS = 40;

/** What a client got: the words of the server, or the code of its error. */
function outcome(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let words = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      words += chunk;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve(words));
  });
}

describe('TCPServer.stop', () => {
  const targets = {
    'a port': () => ({ port: 0, host: '127.0.0.1' }),
    'a Unix socket': () => ({ path: join(tmpdir(), `stop-listening-${process.pid}-${Math.random()}.sock`) }),
  };
  it.each(Object.entries(targets))(
    'serves those who have connected to %s and wait [SRV-02]',
    async (_name, target) => {
      const server = new TCPServer({
        handleStream(stream) {
          stream.send('served');
          stream.closeGracefully(1_000);
        },
      });
      const where = target();
      await server.listen(where);
      const to = 'path' in where ? where : { port: server.port, host: '127.0.0.1' };
      const clients = Array.from({ length: CLIENTS }, () => connect(to));
      const outcomes = clients.map(outcome);
      // They connect in this turn, on ticks of Node's, before the server's loop can see any of them.
      await new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)));
      await server.stop();
      expect(await Promise.all(outcomes)).toEqual(Array.from({ length: CLIENTS }, () => 'served'));
      expect(server.stats().opened).toBe(CLIENTS);
    },
  );
});
