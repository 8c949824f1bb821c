import path from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import { Application, RequestHandler, StaticFileHandler } from '@landspout/web';
import { IDLE_TIMEOUT_MS, LISTEN, ready, SECRET, settings, TYPE } from '../../program.mjs';

class Handler extends RequestHandler {
  /** As in every row: no automatic ETag. */
  computeEtag() {
    return undefined;
  }

  respond(text) {
    this.setHeader('Content-Type', TYPE);
    this.write(text);
  }
}

class Hello extends Handler {
  get() {
    this.respond('Hello, world!');
  }
}

class Json extends Handler {
  get() {
    this.writeJson(settings.value);
  }
}

class Posts extends Handler {
  get({ id }) {
    this.respond(`user ${id}, page ${this.getQueryArgument('page')}`);
  }
}

class Form extends Handler {
  post() {
    this.respond(`${this.getBodyArgument('name')}: ${this.getBodyArgument('note').length}`);
  }
}

class Message extends Handler {
  post() {
    const { name, note } = this.getJsonBody();
    this.respond(`${name}: ${note.length}`);
  }
}

class Item extends Handler {
  get({ id }) {
    this.respond(`item ${id}`);
  }
}

class Login extends Handler {
  get() {
    this.setSignedCookie('user', 'Ada');
  }
}

class Greeting extends Handler {
  get() {
    this.respond(`Hello, ${this.getSignedCookie('user')}!`);
  }
}

function frame({ response }, next) {
  response.setHeader('X-Frame-Options', 'DENY');
  return next();
}

const SCENES = {
  hello: [['/', Hello]],
  json: [['/json', Json]],
  path: [['/users/:id/posts', Posts]],
  form: [['/form', Form]],
  'post-json': [['/post-json', Message]],
  routes: Array.from({ length: settings.routes }, (_, at) => [`/items${at}/:id`, Item]),
  cookie: [
    ['/', Greeting],
    ['/login', Login],
  ],
  middleware: [['/', Hello]],
  static: [['/static/*path', StaticFileHandler, { path: path.join(settings.folder, 'static') }]],
};

const middleware = settings.scene === 'middleware' ? [frame] : [];
const app = new Application(SCENES[settings.scene], { cookieSecret: SECRET, middleware });
const server = await app.listen({ ...LISTEN, idleTimeoutMs: IDLE_TIMEOUT_MS });
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
