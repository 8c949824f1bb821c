import { handler } from './fetch-handler.mjs';
import { ready } from './ready.mjs';
import { HOST } from './settings.mjs';

// It names no limit for idle connections that could be set.
const server = Deno.serve({ port: 0, hostname: HOST, onListen() {}, handler });
ready({ port: server.addr.port, backend: 'deno' });
