import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isGone, Project, RunningProgram, responds } from './fixtures/project.ts';

/** Responds with what its modules export, and with its process id. */
const APP = `
import { Application, RequestHandler } from 'landspout/web';
import { deep } from './lib/one.js';
import common from './lib/common.cjs';
import data from './lib/data.json' with { type: 'json' };
const { lazy } = await import('./lib/lazy.js');
class Page extends RequestHandler {
  get() {
    this.write([deep, common, data.value, lazy, process.env.NODE_ENV, this.settings.debug, process.pid].join(' '));
  }
}
class Stream extends RequestHandler {
  async get() {
    this.write('first');
    await this.flush();
    await new Promise(() => {});
  }
}
class Crash extends RequestHandler {
  get() {
    setImmediate(() => { throw new Error('a crash at run time'); });
  }
}
const routes = [['/', Page], ['/stream', Stream], ['/crash', Crash]];
export default async ({ debug }) => new Application(routes, { debug });
setInterval(() => {}, 1000);
`;

const FILES = {
  'app.js': APP,
  'lib/one.js': "export * from './two.js';",
  'lib/two.js': "export { deep } from './three.js';",
  'lib/three.js': "export const deep = 'deep';",
  'lib/common.cjs': "module.exports = require('./more.cjs');",
  'lib/more.cjs': "module.exports = 'common';",
  'lib/data.json': '{ "value": "data" }',
  'lib/lazy.js': "export const lazy = 'lazy';",
  'other.js': "export const other = 'not imported';",
};

const WAITING = /^landspout dev: app\.js ended with code 1; waiting for a change\n/m;
/** A line about a restart. */
const RESTART = /^landspout dev: .+ changed; restarting\n/m;

describe('landspout dev', () => {
  let project: Project;
  let dev: RunningProgram;
  let url: string;
  /** The process that responded last. */
  let pid: string | undefined;

  beforeAll(async () => {
    project = new Project(FILES);
    dev = new RunningProgram(project, [
      ...['dev', '--port', '0', '--watch', 'templates', '--watch', '.env', 'app.js'],
    ]);
    expect(await dev.printed(/.*\n.*\n/)).toBe(
      'landspout dev: --watch templates: does not exist yet\nlandspout dev: --watch .env: does not exist yet\n',
    );
    url = await dev.url();
  });
  afterAll(async () => {
    await dev[Symbol.asyncDispose]();
    project[Symbol.dispose]();
  });

  /** Waits for the restart after a change of a file, and for the page of the new process. */
  async function restarted(file: string): Promise<string> {
    expect(await dev.printed(RESTART)).toBe(`landspout dev: ${file} changed; restarting\n`);
    return await newPage();
  }

  /** Waits until another process than before responds. @returns its page. */
  async function newPage(): Promise<string> {
    const page = await responds(url, (body) => !body.endsWith(` ${pid}`));
    const [, text = '', id] = /^(.*) (\d+)$/.exec(page) ?? [];
    pid = id;
    return text;
  }

  it('serves the application that the default export of the module returns [AR-01]', async () => {
    expect(await newPage()).toBe('deep common data lazy development true');
  });

  it.each([
    ['a module three levels deep', 'lib/three.js', "export const deep = 'DEEP';", /^DEEP /],
    ['a CommonJS module', 'lib/more.cjs', "module.exports = 'COMMON';", / COMMON /],
    ['a JSON module', 'lib/data.json', '{ "value": "DATA" }', / DATA /],
    ['a module that was imported dynamically', 'lib/lazy.js', "export const lazy = 'LAZY';", / LAZY /],
  ])('restarts on the same port when %s changes [AR-01]', async (_, file, text, page) => {
    project.write(file, text);
    expect(await restarted(file)).toMatch(page);
  });

  it('restarts once when many files are replaced, or deleted and created, with the last state [AR-01]', async () => {
    const before = dev.count(RESTART);
    await dev.program.pausedWhile(() => {
      for (let at = 0; at <= 50; at += 1)
        project.replace('lib/three.js', `export const deep = 'burst-${at}';`);
      project.remove('lib/data.json');
      project.write('lib/data.json', '{ "value": "again" }');
    });
    await dev.printed(/^landspout dev: lib\/.+ and 1 more changed; restarting\n/m);
    expect(await newPage()).toMatch(/^burst-50 COMMON again LAZY /);
    expect(dev.count(RESTART) - before).toBe(1);
  });

  it('does not restart for a file that is not loaded, or is saved without a change [AR-01]', async () => {
    const before = dev.count(RESTART);
    project.write('other.js', '// still not imported');
    project.write('lib/one.js', FILES['lib/one.js']);
    utimesSync(project.path('lib/two.js'), new Date(), new Date());
    project.write('lib/three.js', "export const deep = 'changed';");
    expect(await restarted('lib/three.js')).toMatch(/^changed /);
    expect(dev.count(RESTART) - before).toBe(1);
  });

  it('restarts for files of --watch, which may appear later [AR-01]', async () => {
    project.write('templates/pages/home.eta', 'home');
    await restarted('templates/pages/home.eta');
    project.remove('templates');
    await restarted('templates/pages/home.eta');
    project.write('.env', 'A=1');
    await restarted('.env');
  });

  it('waits while a module has a syntax error, and starts again when it is fixed [AR-01]', async () => {
    project.write('lib/two.js', 'export {');
    await dev.printed(/SyntaxError: .*\n/);
    await dev.printed(WAITING);
    project.write('lib/two.js', FILES['lib/two.js']);
    expect(await restarted('lib/two.js')).toMatch(/^changed /);
  });

  it('waits for a module that is missing, and for a file that an error names [AR-01]', async () => {
    project.write('lib/two.js', "export { deep } from './new/folder/four.js';");
    await dev.printed(/ERR_MODULE_NOT_FOUND/);
    await dev.printed(WAITING);
    project.write(
      'lib/new/folder/four.js',
      "import { readFileSync } from 'node:fs'; export const deep = readFileSync('config.txt', 'utf8');",
    );
    await dev.printed(/four\.js changed; restarting\n/);
    await dev.printed(/ENOENT/);
    await dev.printed(WAITING);
    project.write('config.txt', 'configured');
    expect(await restarted('config.txt')).toMatch(/^configured /);
  });

  it('does not start again after a crash at run time, until something changes [AR-01]', async () => {
    const before = dev.count(RESTART);
    await fetch(`${url}/crash`).catch(() => {});
    await dev.printed(/Error: a crash at run time\n/);
    await dev.printed(WAITING);
    project.write('lib/two.js', FILES['lib/two.js']);
    expect(await restarted('lib/two.js')).toMatch(/^changed /);
    expect(dev.count(RESTART) - before).toBe(1);
  });

  it('is not held up by a response that does not end [AR-01]', async () => {
    const response = await fetch(`${url}/stream`);
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first');
    project.write('lib/three.js', "export const deep = 'streamed';");
    expect(await restarted('lib/three.js')).toMatch(/^streamed /);
    await expect(reader?.read()).rejects.toThrow();
  });

  // The last one with this process, since it may be restarted once or twice here.
  it('does not lose a change that happens during a restart [AR-01]', async () => {
    project.write('lib/three.js', "export const deep = 'second';");
    await dev.printed(RESTART);
    project.write('lib/three.js', "export const deep = 'third';");
    await responds(url, (page) => page.startsWith('third '));
  });

  it('leaves no process if it is killed [AR-01]', async () => {
    await using again = new RunningProgram(project, ['dev', '--port', '0', 'app.js']);
    url = await again.url();
    await newPage();
    await again.program.signal('SIGKILL');
    await isGone(Number(pid));
  });
});

describe('landspout dev, with other modules', () => {
  it('leaves no process if it is killed while a request loops without end [AR-01]', async () => {
    using project = new Project({
      'app.js': `
        import { writeSync } from 'node:fs';
        import { Application, RequestHandler } from 'landspout/web';
        class Loop extends RequestHandler {
          get() {
            writeSync(1, 'process ' + process.pid + ' loops\\n');
            // Ends some time, so that a failure of this test leaves nothing behind.
            for (const end = Date.now() + 120_000; Date.now() < end; );
          }
        }
        export default new Application([['/', Loop]]);`,
    });
    await using dev = new RunningProgram(project, ['dev', '--port', '0', 'app.js']);
    const response = fetch(await dev.url()).catch(() => 'closed');
    const [, pid] = /(\d+)/.exec(await dev.printed(/process \d+ loops\n/)) ?? [];
    dev.program.child.kill('SIGKILL');
    await isGone(Number(pid));
    expect(await response).toBe('closed');
  }, 60_000);

  it('runs a module without a default export as a program of its own [AR-01]', async () => {
    using project = new Project({
      'main.cjs': "console.log(require.main === module, process.argv.slice(2), require('./part.cjs'));",
      'part.cjs': "module.exports = 'one';",
    });
    await using dev = new RunningProgram(project, [
      'dev',
      '--stop-timeout',
      '.2',
      'main.cjs',
      '--',
      '--own',
      'x',
    ]);
    await dev.printed(/landspout dev: main\.cjs has no default export, so it runs as a program of its own\n/);
    await dev.printed(/true \[ '--own', 'x' \] one\n/);
    await dev.printed(/landspout dev: main\.cjs has ended; waiting for a change\n/);
    project.write(
      'part.cjs',
      "setInterval(() => {}, 1000); process.on('SIGTERM', () => console.log('stay')); module.exports = 'two';",
    );
    await dev.printed(/part\.cjs changed; restarting\n/);
    await dev.printed(/ two\n/);
    // It ignores SIGTERM, and is killed after the timeout.
    project.write('part.cjs', "module.exports = 'three';");
    await dev.printed(/stay\n/);
    await dev.printed(/ three\n/);
  });

  it('runs TypeScript, and reports what the module exports if it is no application [AR-01]', async () => {
    using project = new Project({ 'app.ts': 'export default [] as number[];' }, { tsx: true });
    await using dev = new RunningProgram(project, ['dev', '--port', '0', 'app.ts']);
    await dev.printed(
      /landspout dev: the default export of app\.ts must be an Application, .+; pass the routes to new Application\n/,
    );
    await dev.printed(/waiting for a change\n/);
    project.write('app.ts', "export default { fetch: (): Response => new Response('fetched') };");
    await responds(await dev.url(), (page) => page === 'fetched');
    project.write(
      'app.ts',
      "import { Application } from 'landspout/web';\nimport { path } from './path.ts';\nexport default new Application([[path as string, () => import('./page.ts')]]);",
    );
    await dev.printed(/waiting for a change\n/);
    project.write('path.ts', "export const path: string = '/';");
    const url = await dev.url();
    project.write(
      'page.ts',
      "import { RequestHandler } from 'landspout/web';\nexport default class extends RequestHandler { override get(): void { this.write('typed'); } }",
    );
    await responds(url, (page) => page === 'typed');
  });

  it('says that tsx is needed, or that the port is taken, and ends [AR-01]', async () => {
    using project = new Project({
      'app.tsx': 'export default 1;',
      'app.js': "import { Application } from 'landspout/web';\nexport default new Application();",
    });
    await using needing = new RunningProgram(project, ['dev', 'app.tsx']);
    expect(await needing.program.ending()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^landspout dev: app\.tsx: Node .+; install tsx .+ npm i -D tsx\n$/),
    });
    await using first = new RunningProgram(project, ['dev', '--port', '0', 'app.js']);
    const url = await first.url();
    const { port } = new URL(url);
    await using second = new RunningProgram(project, ['dev', '--port', port, 'app.js']);
    const { code, stderr } = await second.program.ending();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^landspout dev: .+\(EADDRINUSE\).*\n$/);
    first.program.child.kill('SIGINT');
    const [, signal] = await once(first.program.child, 'exit');
    expect(signal).toBe('SIGINT');
    await expect(fetch(url)).rejects.toThrow();
  });
});
