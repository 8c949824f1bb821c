import { describe, expect, it } from 'vitest';
import { Application, host, RequestHandler } from '../../src/index.ts';

class Page extends RequestHandler {
  override get(): void {}
  override post(): void {}
}

class Any extends RequestHandler {
  override put(): void {}
  override all(): void {}
}

class Prepared extends RequestHandler {
  override prepare(): void {
    this.finish();
  }
}

const checked = (_: unknown, next: () => unknown) => next();

describe('Application.routeTable', () => {
  it('describes the routes in the order in which they are tried', () => {
    const blog = new Application([['/', Page, undefined, 'blog']], { middleware: [checked] });
    const app = new Application([
      ['/', Page, undefined, 'home'],
      ['/api', [['/:id', Any]], { middleware: [checked] }],
      [host('a.example.com'), [['/only', Prepared]]],
      ['/blog', blog],
    ]);
    app.addHandlers('b.example.com', [['/added', Page]]);
    const rows = app
      .routeTable()
      .map(({ pattern, methods, name, host: of, mountPath, middleware }) => [
        ...[pattern, methods.join(), name, of, mountPath, middleware.length],
      ]);
    expect(rows).toEqual([
      ['/added', 'GET,HEAD,POST', undefined, 'b.example.com', '', 0],
      ['/', 'GET,HEAD,POST', 'home', undefined, '', 0],
      ['/api/:id', 'PUT,*', undefined, undefined, '', 1],
      ['/only', '', undefined, 'a.example.com', '', 0],
      ['/blog', 'GET,HEAD', undefined, undefined, '', 0],
      ['/blog/', 'GET,HEAD,POST', 'blog', undefined, '/blog', 1],
      ['/blog/*rest', expect.any(String), undefined, undefined, '/blog', 1],
    ]);
  });

  it('describes a lazy handler without loading it, and after it was loaded', async () => {
    const app = new Application([['/', async () => ({ default: Page })]]);
    const [before] = app.routeTable();
    expect(before).toMatchObject({ handlerClass: undefined, methods: [], middleware: [] });
    await before?.load();
    expect(app.routeTable()).toMatchObject([{ handlerClass: Page, methods: ['GET', 'HEAD', 'POST'] }]);
  });
});
