import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../support/certificates.ts';
import { echoServer } from '../support/tls-fixture.ts';

const PROGRAM = fileURLToPath(new URL('../support/setter-program.mjs', import.meta.url));

let authority: Authority;
beforeAll(() => {
  authority = makeAuthority();
});
afterAll(() => authority.remove());

describe('getPeerCertificate', () => {
  it('survives setters of Array.prototype that close the stream [NET-06] [STR-15]', async () => {
    const { cert, key } = authority.issue('server', 'DNS:localhost');
    const { server } = await echoServer({ cert: Buffer.concat([cert, authority.cert]), key });
    await using _ = server;
    const child = spawn(process.execPath, [PROGRAM, String(server.port), authority.certFile]);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += String(chunk);
      });
    const [code, signal] = await once(child, 'close');
    expect({ code, signal, output }).toEqual({
      code: 0,
      signal: null,
      output: expect.stringMatching(/ alive\n$/),
    });
  });
});
