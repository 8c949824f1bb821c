import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** What a run of `openssl s_client` came to. */
export interface OpensslRun {
  /** Both streams together: the summary of the handshake is in one, failures are in the other. */
  readonly output: string;
  readonly status: number | null;
}

export interface OpensslOptions {
  /** Sent after the handshake. Default: one line, for a server that echoes. */
  readonly input?: string;
  /** What has to come before the input ends. Default: the echo. */
  readonly until?: string;
}

/** Lets `openssl s_client` talk to a server that echoes lines, until it has the echo or gives up. */
export async function runSClient(
  port: number,
  options: readonly string[],
  { input = 'an echo\n', until = 'an echo\n' }: OpensslOptions = {},
): Promise<OpensslRun> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-no_ign_eof', ...options]);
  const heard = listen(child);
  // Fails where the handshake did, and then there is a status to be read.
  child.stdin.on('error', () => {});
  child.stdin.write(input);
  const closed = once(child, 'close');
  void heard.until(until).then(() => child.stdin.end());
  const [status] = (await closed) as [number | null];
  return { output: heard.output(), status };
}

/** A running `openssl s_server`, at a port that was free. */
export interface OpensslServer extends AsyncDisposable {
  readonly port: number;
  output(): string;
  /** Resolves when it has said `text`. */
  until(text: string): Promise<void>;
}

/** Starts `openssl s_server`, which with `-rev` answers each line reversed. */
export async function startSServer(options: readonly string[]): Promise<OpensslServer> {
  // It cannot say which port it was given, so it is given one that was free a moment ago.
  const port = await freePort();
  const child = spawn('openssl', ['s_server', '-accept', `127.0.0.1:${port}`, ...options]);
  const closed = once(child, 'close');
  const heard = listen(child);
  await heard.until('ACCEPT');
  return {
    port,
    output: heard.output,
    until: heard.until,
    async [Symbol.asyncDispose]() {
      child.kill();
      await closed;
    },
  };
}

function listen(child: ChildProcessWithoutNullStreams): {
  output(): string;
  until(text: string): Promise<void>;
} {
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk);
      for (const look of waiting) look();
    });
  }
  return {
    output: () => output,
    until: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!output.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
