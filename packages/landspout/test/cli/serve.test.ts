import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './fixtures/program.ts';
import { Project, RunningProgram, responds } from './fixtures/project.ts';

const APP = `
import { Application, host, RequestHandler, WebSocketHandler } from 'landspout';
import { mount } from 'landspout/web';
class Home extends RequestHandler {
  get() {
    this.write([this.settings.debug, process.argv.slice(2), process.env.NODE_ENV].join(' '));
  }
  post() {}
}
class Any extends RequestHandler {
  all() {}
}
class Chat extends WebSocketHandler {
  onMessage() {}
}
const checked = (context, next) => next();
class OwnDelegate {
  startRequest() {}
}
const blog = new Application([['/post/:id', Home, undefined, 'post']], { middleware: [checked] });
const routes = [
  ['/', Home, undefined, 'home'],
  ['/chat', Chat],
  ['/lazy', () => import('./lazy.js')],
  ['/api', [[/\\/x\\/(\\d+)/, Any]], { middleware: [checked] }],
  [host('a.example.com'), [['/only', Any]]],
  ['/blog', blog],
  mount('/own', new OwnDelegate()),
];
export default ({ debug }) => {
  const app = new Application(routes, { debug, staticPath: 'static' });
  app.addHandlers('b.example.com', [['/added', Any]]);
  return app;
};
`;

describe('landspout serve and landspout routes', () => {
  let project: Project;
  beforeAll(() => {
    project = new Project({
      'app.js': APP,
      'lazy.js':
        "import { RequestHandler } from 'landspout';\nexport default class Later extends RequestHandler { put() {} }",
      'broken.js':
        "import { Application } from 'landspout';\nexport default new Application([['/gone', () => import('./gone.js')]]);",
      'fetch.js': `
        export default {
          fetch: (request) =>
            new Response([request.method, new URL(request.url).pathname, Response.name, process.argv.slice(2)].join(' ')),
        };`,
      'static/a.txt': 'a',
      'list.js': 'export default [];',
      'none.js': 'export const app = 1;',
      'throws.js': "throw new Error('thrown by the module');",
    });
  });
  afterAll(() => project[Symbol.dispose]());

  it('serve serves until a signal arrives, and ends with 0 [AR-01]', async () => {
    await using serving = new RunningProgram(project, [
      ...['serve', '--host', '127.0.0.1', '--port', '0', 'app.js', '--', '--own', 'x'],
    ]);
    const url = await serving.url();
    await responds(url, (page) => page === 'false --own,x ');
    const { port } = new URL(url);
    expect(
      await run(['serve', '--host', '127.0.0.1', '--port', port, 'app.js'], { cwd: project.folder }),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^landspout serve: .+\(EADDRINUSE\).*\n$/),
    });
    expect(await serving.program.signal('SIGTERM')).toMatchObject({ code: 0, signal: null });
  });

  it('serve --processes serves in several processes with the same arguments [AR-01]', async () => {
    await using serving = new RunningProgram(project, [
      ...['serve', '--processes', '2', '--host', '127.0.0.1', '--port', '0', 'app.js', '--', 'x'],
    ]);
    await responds(await serving.url(), (page) => page === 'false x ');
    expect(await serving.program.signal('SIGTERM')).toMatchObject({ code: 0 });
  });

  it.each([[[]], [['--processes', '2']]])('serve serves a Fetch handler, with %j', async (more) => {
    await using serving = new RunningProgram(project, [
      ...['serve', ...more, '--host', '127.0.0.1', '--port', '0', 'fetch.js', '--', 'x'],
    ]);
    const url = await serving.url();
    await responds(`${url}/path`, (page) => page === 'GET /path Response x');
    expect(await serving.program.signal('SIGTERM')).toMatchObject({ code: 0, signal: null });
  });

  it('routes says that a Fetch handler has none', async () => {
    expect(await run(['routes', 'fetch.js'], { cwd: project.folder })).toMatchObject({
      code: 1,
      stdout: '',
      stderr:
        'landspout routes: the default export of fetch.js is a Fetch handler, which has no routes to show\n',
    });
  });

  it.each([
    [
      'list.js',
      1,
      /the default export of list\.js must be an Application, .+; pass the routes to new Application\n$/,
    ],
    ['none.js', 1, /none\.js has no default export; .+ run none\.js with node/],
    ['throws.js', 1, /Error: thrown by the module/],
    ['nothing.js', 2, /there is no file "nothing\.js"; see landspout serve --help\n$/],
  ])('serve says why it cannot serve %s', async (file, code, problem) => {
    const ending = await run(['serve', file], { cwd: project.folder });
    expect(ending).toMatchObject({ code, stderr: expect.stringMatching(problem) });
  });

  it('routes prints the routes in order, with lazy handlers only if they are to be loaded', async () => {
    const { code, stdout } = await run(['routes', 'app.js'], { cwd: project.folder });
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['METHODS', 'PATTERN', 'HANDLER', 'NAME', 'HOST', 'MOUNTED AT', 'MIDDLEWARE'],
      ['*', '/added', 'Any', 'b.example.com'],
      ['GET', '/static/*path', 'StaticFileHandler'],
      ['GET', '/favicon.ico', 'StaticFileHandler'],
      ['GET', '/robots.txt', 'StaticFileHandler'],
      ['GET, POST', '/', 'Home', 'home'],
      ['WEBSOCKET', '/chat', 'Chat'],
      ['?', '/lazy', '(lazy)', '?'],
      ['*', '/api\\/x\\/(\\d+)', 'Any', 'checked'],
      ['*', '/only', 'Any', 'a.example.com'],
      ['GET', '/blog', 'MountRedirectHandler'],
      ['GET, POST', '/blog/post/:id', 'Home', 'post', '/blog', 'checked'],
      ['*', '/blog/*rest', 'ErrorHandler', '/blog', 'checked'],
      ['*', '/own', 'OwnDelegate'],
      ['*', '/own/*path', 'OwnDelegate'],
      [''],
    ]);
    const loaded = await run(['routes', '--json', '--load', 'app.js'], { cwd: project.folder });
    expect(JSON.parse(loaded.stdout)).toContainEqual({
      methods: ['PUT'],
      pattern: '/lazy',
      name: null,
      handler: 'Later',
      fallback: null,
      kind: 'handler',
      host: null,
      mount: '',
      middleware: [],
    });
  });

  it('routes --load names the route whose handler cannot be loaded', async () => {
    expect(await run(['routes', '--load', 'broken.js'], { cwd: project.folder })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^landspout routes: the handler of \/gone cannot be loaded: .+\n$/),
    });
  });
});

describe('landspout', () => {
  it('loads a command only if it is run', async () => {
    // Not `net`: Node itself may load it for an output that is a pipe.
    const listing = `data:text/javascript,${encodeURIComponent(
      "process.on('exit', () => console.error(process.moduleLoadList.filter((name) => / (tls|dns|zlib)$/.test(name)).join()));",
    )}`;
    const env = { NODE_OPTIONS: `--import=${listing}` };
    expect(await run(['--version'], { env })).toMatchObject({ code: 0, stderr: '\n' });
    expect((await run(['fetch', '--help'], { env })).stderr).toContain('tls');
  });
});
