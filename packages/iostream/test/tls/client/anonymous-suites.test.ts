import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { connect, connectNode, connectTls, type Transport } from '../../../src/transports/index.ts';
import { startSServer } from '../../support/openssl-peer.ts';
import { host } from '../../support/tls-fixture.ts';

const loop = IOLoop.current();
const DIALS: Readonly<Record<string, (port: number) => Promise<Transport>>> = {
  'the backend': (port) => connect(loop, { address: host, port }),
  'a Node socket': (port) => connectNode(loop, { address: host, port }),
};

describe.each(Object.keys(DIALS))('a TLS client over %s', (dial) => {
  it.each(['ALL:@SECLEVEL=0', 'HIGH:@SECLEVEL=0', 'aNULL:ALL:@SECLEVEL=0'])(
    'refuses a server without a certificate, with the ciphers %s (RFC 5246 §A.5) [NET-06] [STR-15]',
    async (ciphers) => {
      await using server = await startSServer(['-nocert', '-tls1_2', '-cipher', 'aNULL:@SECLEVEL=0']);
      const plain = await (DIALS[dial] as (typeof DIALS)[string])(server.port);
      await expect(connectTls(plain, { servername: 'bank.example', ciphers })).rejects.toMatchObject({
        code: 'ERR_STREAM_TLS',
      });
    },
  );
});
