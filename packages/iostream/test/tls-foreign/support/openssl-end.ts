import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../support/until.ts';
import type {
  ForeignClient,
  ForeignClientOptions,
  ForeignOptions,
  ForeignOutcome,
  ForeignServer,
} from './foreign-end.ts';
import { startProgram } from './program.ts';

const flagOf = { 'TLSv1.2': '-tls1_2', 'TLSv1.3': '-tls1_3' } as const;

/** `openssl s_client`, which knows no facts while it is quiet. Each connection is a process. */
export const opensslClient: ForeignClient = async (options) => {
  const { connections = 1 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'landspout-session-'));
  const session = join(folder, 'session.pem');
  try {
    let outcome = await runClient(options, ['-sess_out', session]);
    for (let count = 1; count < connections; count += 1)
      outcome = await runClient(options, ['-sess_in', session, '-sess_out', session]);
    return outcome;
  } finally {
    rmSync(folder, { recursive: true });
  }
};

async function runClient(options: ForeignClientOptions, own: readonly string[]): Promise<ForeignOutcome> {
  const { port, body, servername = 'localhost' } = options;
  const program = startProgram('openssl', [
    ...['s_client', '-quiet', '-connect', `127.0.0.1:${port}`, '-servername', servername],
    ...['-verify_hostname', servername, '-verify_return_error'],
    ...own,
    ...sharedArguments(options),
  ]);
  program.child.stdin.write(body);
  const status = await program.closed;
  const errors = program.errors();
  const failure = /error:.*/.exec(errors)?.[0] ?? /errno=.*/.exec(errors)?.[0];
  return { received: program.output(), failure: failure ?? (status === 0 ? undefined : errors) };
}

/** `openssl s_server`: what it prints is what it receives, and is given back to it. */
export const opensslServer: ForeignServer = async (options) => {
  const { bytes, isOptional, connections = 1 } = options;
  const port = await freePort();
  const verify = [isOptional ? '-verify' : '-Verify', '1', '-verify_return_error'];
  const program = startProgram('openssl', [
    ...['s_server', '-quiet', '-accept', `127.0.0.1:${port}`, '-naccept', String(connections)],
    ...(options.caFile === undefined ? [] : verify),
    ...sharedArguments(options),
  ]);
  const echo = async () => {
    for (let left = bytes * connections, seen = 0; left > 0; ) {
      await program.until((output) => output.length > seen);
      const piece = program.output().subarray(seen, seen + left);
      if (piece.length === 0) break;
      program.child.stdin.write(piece);
      seen += piece.length;
      left -= piece.length;
    }
    // It goes on until the client closes.
  };
  void echo();
  await listening(port);
  return {
    port,
    outcome: program.closed.then(() => ({ failure: /error:.*/.exec(program.errors())?.[0] })),
    stop: program.stop,
  };
};

function sharedArguments({ version, caFile, certificate, alpn, crlFile }: ForeignOptions): string[] {
  return [
    ...(version === undefined ? [] : [flagOf[version]]),
    ...(caFile === undefined ? [] : ['-CAfile', caFile]),
    ...(certificate === undefined ? [] : ['-cert', certificate.certFile, '-key', certificate.keyFile]),
    ...(alpn === undefined ? [] : ['-alpn', alpn.join(',')]),
    ...(crlFile === undefined ? [] : ['-CRL', crlFile, '-crl_check']),
  ];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until a process listens at a port of 127.0.0.1, by the list of the system: a connection would be counted. */
async function listening(port: number): Promise<void> {
  const entry = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
  await until(() => readFileSync('/proc/net/tcp', 'latin1').includes(entry));
}
