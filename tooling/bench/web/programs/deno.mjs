// What Deno itself has for each scene: one handler for all requests, with URLPattern where there is a path to match.
import { LISTEN, ready, SERVER, settings, TYPE } from '../../program.mjs';

const headers = { Server: SERVER, 'Content-Type': TYPE };
const respond = (text) => new Response(text, { headers });
const hello = () => respond('Hello, world!');
const responseTo = (name, note) => respond(`${name}: ${note.length}`);

function postsOf(request) {
  const { pathname, search } = POSTS.exec(request.url);
  return respond(`user ${pathname.groups.id}, page ${new URLSearchParams(search.input).get('page')}`);
}

const POSTS = new URLPattern({ pathname: '/users/:id/posts' });
const ITEMS = Array.from(
  { length: settings.routes },
  (_, at) => new URLPattern({ pathname: `/items${at}/:id` }),
);

function itemOf(request) {
  for (const pattern of ITEMS) {
    const match = pattern.exec(request.url);
    if (match !== null) return respond(`item ${match.pathname.groups.id}`);
  }
  return new Response(null, { status: 404 });
}

async function frame(request, handler) {
  const response = await handler(request);
  response.headers.set('X-Frame-Options', 'DENY');
  return response;
}

async function send(request) {
  const file = await Deno.open(`${settings.folder}${new URL(request.url).pathname}`);
  const { size } = await file.stat();
  return new Response(file.readable, { headers: { ...headers, 'Content-Length': String(size) } });
}

const SCENES = {
  hello,
  json: () => Response.json(settings.value, { headers: { Server: SERVER } }),
  path: postsOf,
  form: async (request) => {
    const form = new URLSearchParams(await request.text());
    return responseTo(form.get('name'), form.get('note'));
  },
  'post-json': async (request) => {
    const { name, note } = await request.json();
    return responseTo(name, note);
  },
  routes: itemOf,
  middleware: (request) => frame(request, hello),
  static: send,
};

const handler = SCENES[settings.scene];
const server = Deno.serve({ port: LISTEN.port, hostname: LISTEN.host, onListen() {}, handler });
ready({ port: server.addr.port, backend: 'deno' });
