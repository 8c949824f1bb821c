// Deno has no templates. It compresses by itself where a client accepts that, at a level that nothing sets: 1.
import { JSON_TEXT, LISTEN, ready, SERVER, settings } from '../../program.mjs';

const headers = { Server: SERVER, 'Content-Type': JSON_TEXT };
const handler = () => Response.json(settings.value, { headers });
const server = Deno.serve({
  port: LISTEN.port,
  hostname: LISTEN.host,
  onListen() {},
  automaticCompression: true,
  handler,
});
ready({ port: server.addr.port, backend: 'deno' });
