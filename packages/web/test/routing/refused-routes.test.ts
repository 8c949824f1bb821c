import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Application,
  type ApplicationListenOptions,
  type ApplicationSettings,
  ErrorHandler,
  HTTPError,
  RedirectHandler,
  RequestHandler,
  type RouteSpec,
  StaticFileHandler,
} from '../../src/index.ts';
import { ask, bodyOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Hello extends RequestHandler {
  override get(): void {
    this.write('hello');
  }
}

class Nothing extends RequestHandler {}

class Capitals extends RequestHandler {
  GET(): void {}
}

/** Routes without type checking, since they are to be refused at run time. */
const make = (routes: unknown) => new Application(routes as RouteSpec[]);
const handle = (handler: unknown, init?: object) => make([['/', handler, init]]);

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'landspout-routes-'));
  file = path.join(folder, 'file.txt');
  await writeFile(file, 'text');
});
afterAll(() => rm(folder, { recursive: true }));

describe('an Application is refused, when it is made,', () => {
  it.each([
    ['a pattern of Tornado', [['/story/([0-9]+)', Hello]], String.raw`/\/story\/([0-9]+)/`],
    ['such a prefix', [['/story/([0-9]+)', [['/x', Hello]]]], "'/story/:id'"],
    ['an empty pattern', [['', Hello]], "the root is '/'"],
    ['a pattern that is none', [[7, Hello]], 'the pattern of a route must be a string or a RegExp, got 7'],
    ['a prefix that is none', [[/a/, [['/x', Hello]]]], 'a prefix of routes must be a string'],
    ['a route that is none', ['/', Hello], `route 0 must be an array such as ['/', Hello], got "/"`],
    ['routes that are none', { '/': Hello }, 'routes must be an array, got an object of Object'],
    ['a name in the place of init', [['/', Hello, 'home']], 'the name of a route is the fourth element'],
    [
      'a name that is none',
      [['/', Hello, {}, 7]],
      'the fourth element must be a name or an object of options, got 7',
    ],
    [
      'options in the place of init',
      [['/', Hello, { middleware: [] }]],
      'init has "middleware", but the class Hello has no method initialize to receive it; options of the route',
    ],
  ])('with %s, and the message has a remedy [RT-01]', (_, routes, message) => {
    expect(() => make(routes)).toThrow(message);
    expect(() => make(routes)).toThrow(expect.objectContaining({ code: 'ERR_WEB_ROUTE' }));
  });

  it.each([
    ['a handler that is not there', undefined, 'either two modules import each other'],
    [
      'an arrow function',
      () => {},
      'the handler must be a class that extends RequestHandler, got a function',
    ],
    [
      'a function',
      function hello() {},
      'the handler must be a class that extends RequestHandler, got the function hello',
    ],
    ['a class of something else', Map, 'got the function Map; write class Hello'],
    ['a handler that was made', { get() {} }, 'got an object of Object'],
    ['a class without a verb', Nothing, 'the class Nothing has no method for any of get, head, post'],
    ['RequestHandler itself', RequestHandler, 'the class RequestHandler has no method for any of'],
    ['verbs in capitals', Capitals, 'methods must be named in lower case: get()'],
  ])('with %s as handler, and the message has a remedy [RH-01]', (_, handler, message) => {
    expect(() => handle(handler)).toThrow(message);
    expect(() => handle(handler)).toThrow(expect.objectContaining({ code: 'ERR_WEB_ROUTE' }));
  });

  it('with a class of another copy of this package, which it says', async () => {
    const copy = class RequestHandlerCopy {
      prepare(): void {}
      sendError(): void {}
      setDefaultHeaders(): void {}
    };
    expect(() => handle(class Mine extends copy {})).toThrow('which seems to be installed twice');
  });

  it('with the name of another route [RT-03]', () => {
    const routes: RouteSpec[] = [
      ['/a', Hello, {}, 'x'],
      ['/b', Hello, {}, 'x'],
    ];
    expect(() => new Application(routes)).toThrow(
      'route "/b": the name "x" is already used by the route "/a"',
    );
    const app = new Application([['/a', Hello, {}, 'x']]);
    expect(() => app.addHandlers('b.example', [['/b', Hello, {}, 'x']])).toThrow('the name "x"');
    expect(() => app.addHandlers('b.example', [['/a', Hello, {}, 'x']])).not.toThrow();
    expect(app.reverseUrl('x')).toBe('/a');
  });

  it('with an invalid setting or default handler [APP-01]', () => {
    const set = (settings: object) => () => new Application([], settings as ApplicationSettings);
    expect(set({ default_handler_class: Hello })).toThrow('did you mean "defaultHandlerClass"?');
    expect(set({ middelware: [] })).toThrow('did you mean "middleware"?');
    expect(set({ database: 'a setting of the program' })).not.toThrow();
    expect(set({ middleware: [Hello, 'no'] })).toThrow('its element 1 is "no"');
    expect(set({ logFunction: 'access' })).toThrow(
      'Application: logFunction: a function was expected, not "access"',
    );
    expect(set({ defaultHandlerClass: Nothing })).toThrow('the class Nothing has no method');
    expect(set({ defaultHandlerClass: ErrorHandler })).toThrow('status must be an integer from 400 to 599');
    expect(set({ defaultHandlerClass: StaticFileHandler, defaultHandlerInit: { path: folder } })).toThrow(
      'must have a parameter',
    );
  });
});

describe('handlers that come with the package are refused, when the application is made,', () => {
  const files = (init: unknown, pattern = '/*path') => make([[pattern, StaticFileHandler, init]]);

  it('without a folder, or with one that is none [ST-01]', () => {
    expect(() => files(undefined)).toThrow(
      "path must be the folder of the files, as in { path: 'public' }, got undefined",
    );
    expect(() => files({ path: '' })).toThrow('got "" (an empty string)');
    expect(() => files({ path: new URL('file:///a') })).toThrow('got an object of URL');
    expect(() => files({ path: file })).toThrow('is a file');
    expect(() => files({ path: path.join(folder, 'none') })).toThrow('does not exist');
    expect(() => files({ path: 'no-such-folder' })).toThrow(
      `the folder ${JSON.stringify(path.resolve('no-such-folder'))} does not exist; a relative path starts at the working`,
    );
  });

  it('without a parameter for the path, or with an option that is not known [ST-01]', () => {
    expect(() => files({ path: folder }, '/static')).toThrow('end it with /*path');
    expect(() => files({ path: folder, defaultFileName: 'index.html' })).toThrow('mean "defaultFilename"?');
    expect(() => make([[/\/static\/(.*)/, StaticFileHandler, { path: folder }]])).not.toThrow();
  });

  it('with a redirect to nowhere, or to a parameter that the pattern has not [HD-01]', () => {
    const redirect = (init: object, pattern: string | RegExp = '/old/:id') =>
      make([[pattern, RedirectHandler, init]]);
    expect(() => redirect({})).toThrow('url must be the URL to redirect to, got undefined');
    expect(() => redirect({ url: '/{name}' })).toThrow(
      'url contains {name}, but the pattern has no such parameter',
    );
    expect(() => redirect({ url: '/{1}' }, /\/(a)/)).toThrow('url contains {1}');
    expect(() => redirect({ url: '/', premanent: true })).toThrow('did you mean "permanent"?');
    for (const url of ['/{id}', '/{0}', '/']) expect(() => redirect({ url })).not.toThrow();
  });

  it('with a status that is no refusal [HD-01]', () => {
    expect(() => handle(ErrorHandler, { status: 200 })).toThrow(
      'status must be an integer from 400 to 599, got 200',
    );
    expect(() => handle(ErrorHandler, { code: 404 })).toThrow('unknown option "code"');
  });
});

describe('a class is taken as a handler', () => {
  it('whatever way it responds in [RH-01]', () =>
    withApp(
      [
        ['/prepared', Prepared],
        ['/field', Field],
        ['/assigned', Assigned],
        ['/inherited', Inherited],
        ['/own', Own],
        ['/files/*path', Files],
        ['/listing', Listing],
        ['/moved', Moved],
      ],
      async ({ port }) => {
        expect(statusOf(await ask(port, '/prepared'))).toBe(418);
        expect(bodyOf(await ask(port, '/field'))).toBe('field');
        expect(bodyOf(await ask(port, '/assigned'))).toBe('assigned');
        expect(bodyOf(await ask(port, '/inherited'))).toBe('hello');
        expect(bodyOf(await ask(port, '/own', 'PURGE'))).toBe('purged');
        expect(bodyOf(await ask(port, '/files/file.txt'))).toBe('text');
        expect(bodyOf(await ask(port, '/listing'))).toBe('listing');
        expect(statusOf(await ask(port, '/moved'))).toBe(301);
      },
    ));

  it.each([
    'class extends Base{static{}get=respond}',
    'class extends Base{static{}"get"=respond}',
    'class extends Base{/* the page */get=respond}',
    'class extends Base{constructor(context){super(context);put(this,"get",respond)}}',
  ])('although a tool has printed it without spaces: %s [RH-01]', (source) => {
    function respond(this: RequestHandler): void {
      this.write('field');
    }
    const put = (target: object, name: string, value: unknown): void => {
      Object.defineProperty(target, name, { value });
    };
    // Compiled here, because the tools that build the tests print classes in their own way.
    const make = new Function('Base', 'respond', 'put', `return ${source}`);
    const Printed: typeof RequestHandler = make(RequestHandler, respond, put);
    return withApp([['/', Printed]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('field');
    });
  });

  class Prepared extends RequestHandler {
    override prepare(): void {
      throw new HTTPError(418);
    }
  }

  class Field extends RequestHandler {
    override get = (): void => this.write('field');
  }

  class Assigned extends RequestHandler {
    constructor(context: ConstructorParameters<typeof RequestHandler>[0]) {
      super(context);
      this.get = () => this.write('assigned');
    }
  }

  class Inherited extends Hello {}

  class Own extends RequestHandler {
    static override readonly supportedMethods = ['PURGE'];
    purge(): void {
      this.write('purged');
    }
  }

  /** Gets its folder from elsewhere. */
  class Files extends StaticFileHandler {
    override initialize(): void {
      super.initialize({ path: folder });
    }
  }

  /** Needs no parameter. */
  class Listing extends StaticFileHandler {
    override initialize(): void {
      super.initialize({ path: folder });
    }
    override async get(): Promise<void> {
      this.write('listing');
    }
  }

  class Moved extends RedirectHandler {
    override initialize(): void {
      super.initialize({ url: '/elsewhere' });
    }
  }

  it('with a check of its own, which the route is refused by [RT-01]', () => {
    class Picky extends Hello {
      static override routeProblem({ init }: { readonly init: object }): string | undefined {
        return 'colour' in init ? undefined : 'the option colour was expected';
      }
    }
    class Painted extends Picky {
      override initialize(_init: { readonly colour: string }): void {}
    }
    expect(() => handle(Picky)).toThrow('route "/": the option colour was expected');
    expect(() => handle(Painted, { colour: 'red' })).not.toThrow();
    // Without `initialize`, nothing receives the option, whatever the check makes of it.
    expect(() => handle(Picky, { colour: 'red' })).toThrow('the class Picky has no method initialize');
  });
});

describe('Application.listen', () => {
  const listen = (options: unknown) => new Application([]).listen(options as ApplicationListenOptions);

  it('refuses options that are not known by name, those of servers and of listening alike [APP-02]', async () => {
    await expect(listen({ prot: 8888 })).rejects.toThrow(
      'listen: unknown option "prot": did you mean "port"?',
    );
    await expect(listen({ idleTimeout: 1 })).rejects.toThrow('did you mean "idleTimeoutMs"?');
    await expect(listen({ zzz: 1 })).rejects.toHaveProperty('code', 'ERR_WEB_USAGE');
  });

  it('takes a port as text, and refuses a port alone with a remedy [APP-02]', async () => {
    await using server = await listen({ port: '0', host: '127.0.0.1', maxConnections: 1 });
    expect(server.port).toBeGreaterThan(0);
    await expect(listen({ port: '' })).rejects.toThrow('write PORT || 8080');
    await expect(listen(8888)).rejects.toThrow('write listen({ port: 8888 })');
  });
});
