import { handler } from './fetch-handler.mjs';
import { ready } from './ready.mjs';
import { HOST, IDLE_TIMEOUT_MS } from './settings.mjs';

globalThis.gc ??= () => Bun.gc(true);
const server = Bun.serve({ port: 0, hostname: HOST, idleTimeout: IDLE_TIMEOUT_MS / 1000, fetch: handler });
ready({ port: server.port, backend: 'bun' });
