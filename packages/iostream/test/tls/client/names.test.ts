import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IOStream, TCPServer } from '../../../src/index.ts';
import { connect, connectNode, connectTls, type Transport } from '../../../src/transports/index.ts';
import { echoLines, echoOf, host } from '../../support/tls-fixture.ts';
import { TestAuthority } from '../../tls-foreign/support/pki.ts';

let authority: TestAuthority;
beforeAll(() => {
  authority = new TestAuthority();
});
afterAll(() => authority.remove());

const loop = IOLoop.current();
const DIALS: Readonly<Record<string, (port: number) => Promise<Transport>>> = {
  'the backend': (port) => connect(loop, { address: host, port }),
  'a Node socket': (port) => connectNode(loop, { address: host, port }),
};

/** Whether a client accepts a certificate with `names` for the host `servername`. */
async function accepts(
  dial: string,
  certificate: string,
  names: string,
  servername: string,
): Promise<boolean> {
  const { cert, key } = authority.issue(certificate, { names });
  const tls = { cert, key };
  await using server = await new TCPServer({
    tls,
    handleStream: echoLines,
    loop: silentLoop(),
  }).listen({ host });
  const connected = await (DIALS[dial] as (typeof DIALS)[string])(server.port);
  try {
    const options = { servername, caFile: authority.certFile };
    await using stream = new IOStream(await connectTls(connected, options));
    expect(await echoOf(stream)).toBe('hello\n');
    return true;
  } catch (error) {
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
    return false;
  }
}

function silentLoop(): IOLoop {
  const say = (): void => {};
  return new IOLoop({ logger: { debug: say, info: say, warn: say, error: say } });
}

describe.each(Object.keys(DIALS))('the names that a client accepts, over %s', (dial) => {
  it.each<[accepted: boolean, names: string, servername: string]>([
    [true, 'DNS:a.example', 'A.Example'],
    [true, 'DNS:other.example,DNS:a.example', 'a.example.'],
    [false, 'DNS:a.example', 'b.a.example'],
    [false, 'DNS:a.example', 'example'],
    // A wildcard is one label (RFC 9525 §6.3).
    [true, 'DNS:*.a.example', 'b.a.example'],
    [false, 'DNS:*.a.example', 'c.b.a.example'],
    [false, 'DNS:*.a.example', 'a.example'],
    [false, 'DNS:*.*.example', 'b.a.example'],
    [false, 'DNS:*.example', 'a.example'],
    [false, 'DNS:b*.a.example', 'bcd.a.example'],
    [false, 'DNS:*d.a.example', 'bcd.a.example'],
    [false, 'DNS:*.a.example', 'x_y.a.example'],
    [true, 'DNS:x_y.a.example', 'x_y.a.example'],
    [true, 'DNS:*.a.example', 'xn--bcher-kva.a.example'],
    [true, 'DNS:xn--bcher-kva.example', 'bücher.example'],
    [true, 'IP:192.0.2.1', '192.0.2.1'],
    [true, 'IP:2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    [true, 'IP:fe80:0:0:0:0:0:0:1', 'fe80::1%lo'],
    [false, 'IP:192.0.2.1', '192.0.2.2'],
    // An address is not a name, and a name is not an address.
    [false, 'DNS:192.0.2.1', '192.0.2.1'],
    [false, 'IP:192.0.2.1', 'a.example'],
    [false, 'IP:10.2.3.4', '010.2.3.4'],
    [false, 'IP:10.2.3.4', '+10.2.3.4'],
    [true, 'DNS:010.2.3.4', '010.2.3.4'],
    [false, 'email:root@a.example', 'b.example'],
  ])('%s: certificate of %s, host %s [NET-06]', async (accepted, names, servername) => {
    expect(await accepts(dial, 'server', names, servername)).toBe(accepted);
  });

  it('compare the common name only if the certificate has no names [NET-06]', async () => {
    expect(await accepts(dial, 'common.example', '', 'common.example')).toBe(true);
    expect(await accepts(dial, 'common.example', 'DNS:a.example', 'common.example')).toBe(false);
    expect(await accepts(dial, '192.0.2.1', '', '192.0.2.1')).toBe(false);
  });
});
