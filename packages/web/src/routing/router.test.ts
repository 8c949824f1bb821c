import { describe, expect, it } from 'vitest';
import { Application } from '../application/application.ts';
import type { HandlerClass } from '../handler/lifecycle.ts';
import { RequestHandler } from '../handler/request-handler.ts';
import type { RouteSpec } from './route.ts';
import { Router } from './router.ts';

class A extends RequestHandler {
  override get(): void {}
}
class B extends A {}
class C extends A {}

const found = (routes: readonly RouteSpec[], path: string): HandlerClass | undefined =>
  new Router(routes, new Application()).match({ path, hostName: 'a.example' })?.rule.handlerClass;

describe('Router', () => {
  it('takes the first rule that matches, in order [APP-01]', () => {
    const routes: RouteSpec[] = [
      ['/user/:id', A],
      ['/user/me', B],
      ['/*all', C],
    ];
    expect(found(routes, '/user/me')).toBe(A);
    expect(found(routes, '/other')).toBe(C);
  });

  it('prefers an exact path only to later rules', () => {
    const routes: RouteSpec[] = [
      ['/user/me', B],
      ['/user/:id', A],
      ['/user/me', C],
    ];
    expect(found(routes, '/user/me')).toBe(B);
    expect(found(routes, '/user/you')).toBe(A);
  });

  it('keeps nested rules in the place of their parent [APP-01]', () => {
    const routes: RouteSpec[] = [
      [
        '/api',
        [
          ['/x', A],
          ['/deep', [['/y', B]]],
        ],
      ],
      ['/api/x', C],
    ];
    expect(found(routes, '/api/x')).toBe(A);
    expect(found(routes, '/api/deep/y')).toBe(B);
    expect(found(routes, '/x')).toBeUndefined();
  });

  it('compares the path as it came, neither decoded nor normalised [RT-04]', () => {
    const routes: RouteSpec[] = [['/a', A]];
    for (const path of ['/%61', '//a', '/a/', '/./a', '/b/../a', '/A'])
      expect(found(routes, path)).toBeUndefined();
  });

  it('is not fooled by names of Object.prototype [ATT-74]', () => {
    for (const path of ['__proto__', 'constructor', '/__proto__'])
      expect(found([['/a', A]], path)).toBeUndefined();
  });

  it('refuses a rule without a handler class', () => {
    expect(() => new Router([['/a', undefined as unknown as HandlerClass]], new Application())).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_ROUTE' }),
    );
  });
});
