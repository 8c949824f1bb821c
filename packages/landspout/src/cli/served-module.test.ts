import { Application } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { applicationOf, seemsToExportDefault } from './served-module.ts';

const application = new Application();
const debug = { debug: true };

describe('applicationOf', () => {
  it.each([
    ['an application', { default: application }],
    [
      'one of another copy of the package',
      { default: Object.assign(Object.create({ listen() {}, startRequest() {}, findRoute() {} }), {}) },
    ],
    ['a function that returns one', { default: () => application }],
    ['an asynchronous one', { default: async () => application }],
    ['CommonJS that was compiled from ESM', { default: { __esModule: true, default: application } }],
  ])('takes %s [AR-01]', async (_, namespace) => {
    expect(await applicationOf(namespace, 'app.ts', debug)).toMatchObject({ listen: expect.any(Function) });
  });

  it('calls the function with the options [AR-01]', async () => {
    const seen: unknown[] = [];
    const make = (options: unknown) => {
      seen.push(options);
      return application;
    };
    await applicationOf({ default: make }, 'app.ts', debug);
    expect(seen).toEqual([debug]);
  });

  it.each([
    ['nothing', {}],
    ['only other exports', { app: application }],
    ['CommonJS without exports', { default: {}, 'module.exports': {} }],
  ])('returns undefined for %s [AR-01]', async (_, namespace) => {
    expect(await applicationOf(namespace, 'app.ts', debug)).toBeUndefined();
  });

  it.each([
    [Application, /got .*Application; export an instance of the class$/],
    [[], /; pass the routes to new Application$/],
    [{ fetch: () => new Response() }, /; Fetch handlers are not supported yet$/],
    [Object.assign(() => new Response(), { fetch() {} }), /; Fetch handlers are not supported yet$/],
    [
      () => new Response(),
      /the function that app\.ts exports by default .+; Fetch handlers are not supported yet$/,
    ],
    [{ closeAll() {} }, /; export the application instead of its server$/],
    [() => undefined, /must return an Application, got undefined$/],
    [null, /must be an Application, or a function that returns one, got null$/],
    ['text', /got "text" \(a string\)$/],
  ])('refuses %j with a remedy [AR-01]', async (exported, problem) => {
    const applying = applicationOf({ default: exported }, 'app.ts', debug);
    await expect(applying).rejects.toThrow(problem);
    await expect(applying).rejects.toMatchObject({ name: 'CommandFailure' });
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
