import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, type SecureVersion } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeCertificate } from '../fixtures/certificate.ts';
import { RunningLines } from '../fixtures/running-lines.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/tls-start-program.mjs', import.meta.url));
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

interface Line {
  readonly port?: number;
  readonly pid?: number;
  readonly exited?: number;
  readonly renewed?: true;
}

/** What a client has seen: which child served it, on which path of TLS, and the session for the next visit. */
interface Visit {
  readonly pid: number;
  readonly path: 'native' | 'node';
  readonly isReused: boolean;
  readonly session: Buffer;
}

let folder: string;
let files: { certFile: string; keyFile: string };
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-tickets-'));
  files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  const { cert, key } = makeCertificate();
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts the program. @returns it, and its port once both children listen. */
async function start(): Promise<{ program: RunningLines<Line>; port: number }> {
  const program = new RunningLines<Line>(PROGRAM, JSON.stringify(files));
  const [first] = await program.heard('port', 2);
  return { program, port: first?.port as number };
}

/** Makes a request on a connection of its own with node:tls. */
async function visit(port: number, version: SecureVersion, session?: Buffer): Promise<Visit> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  onTestFinished(() => void socket.destroy());
  const facts = once(socket, 'data').then(() => ({
    isReused: socket.isSessionReused(),
    session: socket.getSession() as Buffer, // its tickets come before the response
  }));
  facts.catch(() => {}); // reported with the response
  socket.write(REQUEST);
  const response = await text(socket);
  const body = JSON.parse(response.slice(response.indexOf('\r\n\r\n'))) as Pick<Visit, 'pid' | 'path'>;
  return { ...body, ...(await facts) };
}

/**
 * Makes a request that a child other than `pid` serves, which is suspended meanwhile. On the native backend the kernel
 * gives it some of the connections nevertheless, so that there are many attempts.
 */
async function visitOther(
  pid: number,
  port: number,
  version: SecureVersion,
  session: Buffer,
): Promise<Visit> {
  process.kill(pid, 'SIGSTOP');
  try {
    return await Promise.any(Array.from({ length: 32 }, () => visit(port, version, session)));
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

/** Makes a request with `openssl s_client`. @returns the process that served it, and whether a session was resumed. */
function visitWithOpenssl(
  port: number,
  ...options: string[]
): Promise<{ pid: number; outcome: string | undefined }> {
  return new Promise((resolve, reject) => {
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', ...options];
    const child = execFile('openssl', args, (error, output) => {
      if (error !== null) reject(error);
      const [, pid] = /"pid":(\d+)/.exec(output) ?? [];
      resolve({ pid: Number(pid), outcome: /^(New|Reused), /m.exec(output)?.[1] });
    });
    child.stdin?.write(REQUEST);
  });
}

describe('the children of HTTPServer.start with TLS', () => {
  it.each(VERSIONS)('resume the sessions of each other, %s [NET-06] [PROC-01]', async (version) => {
    const { port } = await start();
    const first = await visit(port, version);
    expect(first.isReused).toBe(false);
    const second = await visitOther(first.pid, port, version, first.session);
    expect(second.pid).not.toBe(first.pid);
    expect(second.isReused).toBe(true);
  });

  it.each(VERSIONS)(
    'resume the sessions of a child that has ended, %s [NET-06] [PROC-01]',
    async (version) => {
      const { program, port } = await start();
      const first = await visit(port, version);
      process.kill(first.pid, 'SIGKILL');
      const again = (await program.heard('port', 3))[2];
      const survivor = program.lines.find(({ pid }) => pid !== undefined && pid !== first.pid)?.pid as number;
      const second = await visitOther(survivor, port, version, first.session);
      expect(second.pid).toBe(again?.pid);
      expect(second.isReused).toBe(true);
    },
  );

  it('resume the sessions of openssl after all of them were replaced [NET-06] [PROC-01]', async () => {
    const { program, port } = await start();
    const file = join(folder, 'session.pem');
    const first = await visitWithOpenssl(port, '-sess_out', file);
    program.process.kill('SIGHUP');
    await program.heard('exited', 2);
    const second = await visitWithOpenssl(port, '-sess_in', file);
    expect([first.outcome, second.outcome]).toEqual(['New', 'Reused']);
    expect(second.pid).not.toBe(first.pid);
  });

  it.each(VERSIONS)('get new keys every 12 hours, and accept those before, %s [NET-06]', async (version) => {
    const { program, port } = await start();
    const renew = async (count: number): Promise<void> => {
      program.process.kill('SIGUSR2');
      await program.heard('renewed', count);
    };
    const first = await visit(port, version);
    const acceptsBefore = first.path === 'native'; // node:tls knows the current keys only
    await renew(1);
    const second = await visitOther(first.pid, port, version, first.session);
    expect(second.isReused).toBe(acceptsBefore);
    await renew(2);
    expect((await visit(port, version, first.session)).isReused).toBe(false);
    const third = await visitOther(second.pid, port, version, second.session);
    expect(third.isReused).toBe(acceptsBefore);
    expect((await visitOther(third.pid, port, version, third.session)).isReused).toBe(true);
  });
});
