// The client and a server of the Debian package python3-websockets.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReconnectingWebSocket, websocketConnect } from '../../src/index.ts';
import { WebSocket } from '../../src/web-socket/index.ts';

const PROGRAM = `
import asyncio, http, websockets

async def serve(socket, path):
    try:
        async for message in socket:
            if message == 'close':
                await socket.close(4001, 'as asked')
            elif message == 'restart':
                await socket.close(1012)
            else:
                await socket.send(message)
    except websockets.ConnectionClosed:
        pass

async def check(path, headers):
    if path == '/busy':
        return http.HTTPStatus.SERVICE_UNAVAILABLE, [('Retry-After', '7')], b'too busy\\n'

async def main():
    server = await websockets.serve(serve, '127.0.0.1', 0, subprotocols=['chat'], compression=None, process_request=check)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()

asyncio.run(main())
`;

/** That of the Debian packages, although another may be first in the PATH. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

let program: ChildProcess;
let url: string;

beforeAll(async () => {
  program = spawn(PYTHON, ['-c', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: program.stdout as NodeJS.ReadableStream });
  const port = await Promise.race([once(lines, 'line'), once(program, 'exit').then(() => undefined)]);
  if (port === undefined)
    throw new Error('these tests need python3-websockets: apt-get install python3-websockets');
  url = `ws://127.0.0.1:${port[0]}`;
});

afterAll(async () => {
  if (program.exitCode !== null) return;
  const exited = once(program, 'exit');
  program.kill('SIGKILL');
  await exited;
});

describe('the clients and the server of python3-websockets', () => {
  it('exchange messages of every length, and close with the code of the server [WS-20] [WS-21]', async () => {
    const connection = await websocketConnect(url, { subprotocols: ['other', 'chat'] });
    expect(connection.selectedSubprotocol).toBe('chat');
    const messages = ['', 'é€😀', 'x'.repeat(70_000), new Uint8Array(0), new Uint8Array(200).fill(3)];
    for (const message of messages) {
      void connection.writeMessage(message);
      const echoed = await connection.readMessage();
      expect([typeof echoed, Buffer.from(echoed as string).equals(Buffer.from(message as string))]).toEqual([
        typeof message,
        true,
      ]);
    }
    await connection.writeMessage('close');
    expect(await connection.readMessage()).toBeNull();
    expect([connection.closeCode, connection.closeReason]).toEqual([4001, 'as asked']);
  });

  it('report a refusal with its headers and body [WS-20]', async () => {
    await expect(websocketConnect(`${url}/busy`)).rejects.toMatchObject({ status: 503, text: 'too busy\n' });
  });

  it('connect again after a restart [WS-20]', async () => {
    let opened = 0;
    await using socket = new ReconnectingWebSocket(url, {
      minRetryMs: 1,
      restartSpreadMs: 0,
      onOpen: () => {
        opened += 1;
      },
    });
    await expect.poll(() => opened).toBe(1);
    await socket.writeMessage('restart');
    await expect.poll(() => opened).toBe(2);
    await socket.writeMessage('again');
    expect(await socket.readMessage()).toBe('again');
  });

  it('work with the interface of browsers [WS-20]', async () => {
    const socket = new WebSocket(url, 'chat');
    const events: unknown[] = [];
    socket.onopen = () => socket.send('hello');
    socket.onmessage = ({ data }) => {
      events.push(data);
      socket.send('close');
    };
    await new Promise<void>((resolve) => {
      socket.onclose = ({ code, reason, wasClean }) => {
        events.push(code, reason, wasClean);
        resolve();
      };
    });
    expect(events).toEqual(['hello', 4001, 'as asked', true]);
  });
});
