import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IOStream, type StreamClosedError, type TlsClientOptions } from '../../../src/index.ts';
import { connect, connectNode, connectTls, type Transport } from '../../../src/transports/index.ts';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { host } from '../../support/tls-fixture.ts';
import { intrudeAsServer } from '../../tls-hostile/support/intruder.ts';
import { RECORD } from '../../tls-hostile/support/records.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

const loop = IOLoop.current();
const DIALS: Readonly<Record<string, (port: number) => Promise<Transport>>> = {
  'the backend': (port) => connect(loop, { address: host, port }),
  'a Node socket': (port) => connectNode(loop, { address: host, port }),
};

/** How a read fails if the server sends an alert after the handshake. The port in messages is replaced. */
async function failureAt(dial: string, alert: number, tls: TlsClientOptions): Promise<object> {
  const { port, intruder } = await intrudeAsServer(own, 'TLSv1.3');
  const plain = await (DIALS[dial] as (typeof DIALS)[string])(port);
  await using stream = new IOStream(
    await connectTls(plain, { ca: own.cert, servername: 'localhost', ...tls }),
  );
  await using server = await intruder;
  const failing = stream.readBytes(1).catch((error: unknown) => error);
  server.send(RECORD.alert, Buffer.of(2, alert));
  const { code, message, cause } = (await failing) as StreamClosedError;
  const { code: causeCode, cause: failure } = cause as Error & { code: string };
  return {
    code,
    message: message.replace(`:${port}`, ':443'),
    cause: causeCode,
    failure: (failure as { code?: string } | undefined)?.code,
  };
}

const certified = () => ({ cert: own.cert, key: own.key });

describe.each(Object.keys(DIALS))(
  'a TLS client over %s whose server refuses it after the handshake',
  (dial) => {
    it.each([
      ['bad certificate', 42],
      ['unsupported certificate', 43],
      ['certificate revoked', 44],
      ['certificate expired', 45],
      ['certificate unknown', 46],
      ['unknown ca', 48],
      ['access denied', 49],
    ])('says that its certificate was refused: %s (RFC 8446 §6.2) [NET-06]', async (reason, alert) => {
      expect(await failureAt(dial, alert, certified())).toEqual({
        code: 'ERR_STREAM_CLOSED',
        message: expect.stringMatching(
          new RegExp(
            `: tls: the connection with localhost at 127\\.0\\.0\\.1:443 failed: the server refused the certificate of this client; see certFile \\(.* alert ${reason}\\)$`,
          ),
        ),
        cause: 'ERR_STREAM_TLS',
        failure: expect.stringMatching(`_ALERT_${reason.replaceAll(' ', '_').toUpperCase()}$`),
      });
    });

    it('says that a certificate is required, even if the server calls it a bad one [NET-06]', async () => {
      for (const alert of [116, 42])
        expect(await failureAt(dial, alert, {})).toMatchObject({
          message: expect.stringContaining(
            'the server requires a client certificate; set certFile and keyFile (',
          ),
          cause: 'ERR_STREAM_TLS',
        });
    });

    it('reports other alerts as they are [NET-06]', async () => {
      expect(await failureAt(dial, 80, certified())).toMatchObject({
        code: 'ERR_STREAM_CLOSED',
        cause: expect.stringMatching(/^ERR_SSL_.*_ALERT_INTERNAL_ERROR$/),
      });
    });
  },
);
