import { Application } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { type Served, seemsToExportDefault, servedBy } from './served-module.ts';

const application = new Application();
const debug = { debug: true };
const hello = (): Response => new Response('hello');

/** The text with which a Fetch handler responds to `GET /path`. */
const responseOf = async (served: Served | undefined): Promise<string> => {
  if (served?.kind !== 'fetch') throw new Error('a Fetch handler was expected');
  const response = await served.fetch(new Request('http://localhost/path'), undefined as never);
  return (response as Response).text();
};

describe('servedBy', () => {
  it.each([
    ['an application', { default: application }],
    [
      'one of another copy of the package',
      { default: Object.assign(Object.create({ listen() {}, startRequest() {}, findRoute() {} }), {}) },
    ],
    ['a function that returns one', { default: () => application }],
    ['an asynchronous one', { default: async () => application }],
    ['a function of options', { default: ({ debug: _ }: typeof debug) => application }],
    ['CommonJS that was compiled from ESM', { default: { __esModule: true, default: application } }],
  ])('takes %s [AR-01]', async (_, namespace) => {
    expect(await servedBy(namespace, 'app.ts', debug)).toMatchObject({
      kind: 'application',
      application: { listen: expect.any(Function) },
    });
  });

  class Framework {
    readonly #text = 'object';
    fetch(request: Request): Response {
      return new Response(`${this.#text} ${new URL(request.url).pathname}`);
    }
  }

  it.each<[string, unknown, string]>([
    ['an object with a method fetch', new Framework(), 'object /path'],
    ['a function with a method fetch', Object.assign(() => {}, { fetch: hello }), 'hello'],
    ['a function of a request', (request: Request) => new Response(request.method), 'GET'],
    ['an asynchronous one', async (request: Request) => new Response(request.method), 'GET'],
    [
      'a function of a request and an environment',
      (request: Request, _: object) => new Response(request.method),
      'GET',
    ],
    ['a function without parameters that returns a response', hello, 'hello'],
    ['a function that returns an object with a method fetch', () => new Framework(), 'object /path'],
    [
      'a function that returns a function of a request',
      () => (request: Request) => new Response(request.method),
      'GET',
    ],
    [
      'a function of options that returns a Fetch handler',
      ({ debug: _ }: typeof debug) => new Framework(),
      'object /path',
    ],
  ])('takes %s as a Fetch handler [AR-01]', async (_, exported, text) => {
    expect(await responseOf(await servedBy({ default: exported }, 'app.ts', debug))).toBe(text);
  });

  it.each([
    [
      'an arrow function',
      (seen: unknown[]) =>
        ({ debug: value }: typeof debug) => {
          seen.push(value);
          return application;
        },
    ],
    [
      'a function',
      (seen: unknown[]) =>
        async function make({ debug: value }: typeof debug) {
          seen.push(value);
          return application;
        },
    ],
  ])('calls %s with the options [AR-01]', async (_, make) => {
    const seen: unknown[] = [];
    await servedBy({ default: make(seen) }, 'app.ts', debug);
    expect(seen).toEqual([true]);
  });

  it('explains that a function of one parameter is called with requests', async () => {
    const served = await servedBy({ default: (_: unknown) => application }, 'app.ts', debug);
    await expect(responseOf(served)).rejects.toThrow(/returned an Application; write "\(\{ debug \}\) =>"/);
  });

  it.each([
    ['nothing', {}],
    ['only other exports', { app: application }],
    ['CommonJS without exports', { default: {}, 'module.exports': {} }],
  ])('returns undefined for %s [AR-01]', async (_, namespace) => {
    expect(await servedBy(namespace, 'app.ts', debug)).toBeUndefined();
  });

  it.each([
    [Application, /got .*Application; export an instance of the class$/],
    [[], /; pass the routes to new Application$/],
    [
      Object.assign((_1: unknown, _2: unknown, _3: unknown) => {}, { handle() {}, use() {} }),
      /; export new Application\(\[mount\('\/', new NodeContainer\(app\)\)\]\)$/,
    ],
    [new Response(), /; export the function that makes the response$/],
    [{ closeAll() {} }, /; export the application instead of its server$/],
    [() => undefined, /must return an Application or a Fetch handler, got undefined$/],
    [null, /must be an Application, a Fetch handler, or a function that returns one, got null$/],
    ['text', /got "text" \(a string\)$/],
  ])('refuses %j with a remedy [AR-01]', async (exported, problem) => {
    const serving = servedBy({ default: exported }, 'app.ts', debug);
    await expect(serving).rejects.toThrow(problem);
    await expect(serving).rejects.toMatchObject({ name: 'CommandFailure' });
  });
});

describe('seemsToExportDefault', () => {
  it.each([
    'export default new Application();',
    'export { app as default };',
    'module.exports = app;',
    'exports.default = app;',
    'export = app;',
  ])('finds %s', (source) => {
    expect(seemsToExportDefault(source)).toBe(true);
  });

  it.each(['await app.listen();', 'switch (a) { default: }', 'export const a = 1;', ''])(
    'finds none in %s',
    (source) => {
      expect(seemsToExportDefault(source)).toBe(false);
    },
  );
});
