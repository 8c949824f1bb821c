import { BODY, CONTENT_TYPE, SERVER, UPLOADS } from './settings.mjs';

const headers = { Server: SERVER, 'Content-Type': CONTENT_TYPE };

/** What Bun and Deno call for each request. @type {(request: Request) => Response | Promise<Response>} */
export const handler = UPLOADS
  ? async (request) => new Response(String((await request.arrayBuffer()).byteLength), { headers })
  : () => new Response(BODY, { headers });
