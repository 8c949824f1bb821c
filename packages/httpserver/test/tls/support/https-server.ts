import { createHash } from 'node:crypto';
import { HTTPHeaders } from '@landspout/http1';
import type { TlsServerOptions } from '@landspout/iostream';
import type { HTTPServerOptions, ServerRequest } from '../../../src/index.ts';
import { type RunningServer, withServer } from '../../fixtures/running-server.ts';

/** A body that does not compress, and no multiple of anything. */
export const BODY = Buffer.from(
  Uint32Array.from({ length: 500_003 }, (_, at) => Math.imul(at + 1, 2_654_435_761)).buffer,
);
export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const BODY_DIGEST = digest(BODY);

/**
 * Responds to `/body` with the body, in one piece, `/chunks` in many, `/until-close` delimited by the end; to uploads with
 * their digest; and to others with facts of the connection.
 */
export async function respond(request: ServerRequest): Promise<void> {
  const { target, exchange } = request;
  if (target === '/body') return request.respond(200, BODY, { 'Content-Type': 'application/octet-stream' });
  if (target === '/chunks' || target === '/until-close') {
    exchange.writeHead(200, 'OK', HTTPHeaders.from({ 'Content-Type': 'application/octet-stream' }));
    for (let at = 0; at < BODY.length; at += 30_011) {
      exchange.write(BODY.subarray(at, at + 30_011));
      await exchange.waitDrained();
    }
    exchange.finish();
    return;
  }
  if (request.method !== 'GET') return request.respond(200, digest(request.body));
  const { tls } = exchange.connection;
  const { protocol, servername, alpnProtocol, authorized } = tls ?? {};
  const client = tls?.getPeerCertificate()?.subject.CN;
  request.respond(200, JSON.stringify({ protocol, servername, alpnProtocol, authorized, client }));
}

export function withHttps(
  tls: TlsServerOptions,
  test: (running: RunningServer) => Promise<void>,
  options: HTTPServerOptions = {},
): Promise<void> {
  return withServer(respond, test, { ...options, tls, maxBodyBytes: 2 * BODY.length });
}
