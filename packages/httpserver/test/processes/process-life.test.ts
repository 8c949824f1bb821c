import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/life-program.mjs', import.meta.url));
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** Each runs a program of its own on the built packages, with the backend under test. */
describe('what keeps a process alive', () => {
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  /** Runs a scenario to its end. `whenListening` gets a connection to its port, and closes nothing. */
  async function run(scenario: string, whenListening?: (socket: Socket) => void): Promise<string[]> {
    const child = spawn(process.execPath, [PROGRAM, scenario], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = new Promise<number | null>((resolve) => void child.on('exit', resolve));
    const words: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      const port = /^port (\d+)$/.exec(line)?.[1];
      if (port === undefined) words.push(line);
      else if (whenListening !== undefined) whenListening(dial(Number(port)));
    }
    expect(await exited).toBe(0);
    return words;
  }

  function dial(port: number): Socket {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    socket.resume();
    sockets.push(socket);
    return socket;
  }

  it('is a listening server, and not the idle connection that it leaves behind', async () => {
    expect(await run('listening', (socket) => socket.write(REQUEST))).toEqual(['served', 'idle']);
  });

  it('is a request under way when its server stops', async () => {
    const words = await run('answering', (socket) => {
      socket.write(REQUEST);
      // The handler waits for our end, and we for its process to have had every occasion to leave.
      setTimeout(() => socket.end(), 300);
    });
    expect(words).toEqual(['finished 1', 'idle']);
  });

  it('is a request under way when its server stops listening', async () => {
    const words = await run('answering, stop', (socket) => {
      socket.write(REQUEST);
      setTimeout(() => socket.end(), 300);
    });
    expect(words).toEqual(['answered', 'idle']);
  });

  it('is an open stream', async () => {
    const words = await run('stream', (socket) => {
      socket.write('still ');
      setTimeout(() => socket.end('here'), 300);
    });
    expect(words).toEqual(['still here', 'idle']);
  });

  it('is no stream that was told to unref', async () => {
    expect(await run('stream, unref', () => {})).toEqual(['idle']);
  });

  it('is a started PeriodicCallback, unless it says otherwise', async () => {
    expect(await run('periodic')).toEqual(['called', 'idle']);
    expect(await run('periodic, unref')).toEqual(['idle']);
  });
});
