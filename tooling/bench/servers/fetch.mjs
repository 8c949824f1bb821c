// A `fetch` handler, on Bun or on Deno, also over TLS.
import { BODY, IDLE_TIMEOUT_MS, LISTEN, ready, SERVER, TLS, TYPE, UPLOADS } from '../program.mjs';

const headers = { Server: SERVER, 'Content-Type': TYPE };
const upload = async (request) => new Response(String((await request.arrayBuffer()).byteLength), { headers });
const handler = UPLOADS ? upload : () => new Response(BODY, { headers });

if (globalThis.Bun !== undefined) {
  globalThis.gc ??= () => Bun.gc(true);
  const options = { port: 0, hostname: LISTEN.host, idleTimeout: IDLE_TIMEOUT_MS / 1000, tls: TLS };
  ready({ port: Bun.serve({ ...options, fetch: handler }).port, backend: 'bun' });
} else {
  // Deno has no setting for the limit of idle connections.
  const server = Deno.serve({ ...TLS, port: 0, hostname: LISTEN.host, onListen() {}, handler });
  ready({ port: server.addr.port, backend: 'deno' });
}
