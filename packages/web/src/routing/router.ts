// Patterns, routes, and which route matches a path. Does not know requests or when a handler is called.

import { shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import type { HandlerClass, RouteUse } from '../handler/lifecycle.ts';
import { handlerProblem } from './handler-check.ts';
import {
  badRoute,
  compilePattern,
  extendPrefix,
  NO_PREFIX,
  type PatternPrefix,
  type RoutePattern,
} from './pattern.ts';
import type { RouteSpec } from './route.ts';

const NO_INIT = Object.freeze({});

/** The handler for a request, and the matched groups of the path. */
export interface RouteMatch {
  readonly handlerClass: HandlerClass;
  readonly init: object;
  /** The undecoded groups of the pattern; undefined if it has none. */
  readonly groups: RegExpExecArray | undefined;
}

/** A compiled route. If its pattern has no parameters, it is also its own match, so that none needs to be created. */
export interface Rule extends RouteMatch {
  readonly pattern: RoutePattern;
  readonly name: string | undefined;
  /** Its position among all routes; the lowest one that matches is chosen. */
  readonly index: number;
}

/**
 * Finds the first route whose pattern matches a path. The path is neither decoded nor normalised. Exact paths are
 * looked up in a map, but never take precedence over an earlier route with parameters.
 */
export class Router {
  readonly #exact = new Map<string, Rule>();
  readonly #dynamic: Rule[] = [];
  readonly #rules: Rule[] = [];

  /** @throws WebUsageError `ERR_WEB_ROUTE` if a route is invalid. */
  constructor(routes: readonly RouteSpec[]) {
    this.#addAll(routes, NO_PREFIX);
  }

  /** All routes in order; nested ones are at the position of their prefix. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  match(path: string): RouteMatch | undefined {
    const exact = this.#exact.get(path);
    const before = exact === undefined ? this.#rules.length : exact.index;
    for (const rule of this.#dynamic) {
      if (rule.index > before) break;
      const groups = rule.pattern.regExp.exec(path);
      if (groups !== null) return { handlerClass: rule.handlerClass, init: rule.init, groups };
    }
    return exact;
  }

  #addAll(routes: readonly RouteSpec[], prefix: PatternPrefix): void {
    requireList(routes);
    for (const spec of routes) {
      const [pattern, target, init, name] = spec;
      if (Array.isArray(target)) {
        if (typeof pattern !== 'string') {
          const text = `a prefix of routes must be a string, got ${shownValue(pattern)}`;
          throw new WebUsageError('ERR_WEB_ROUTE', text);
        }
        this.#addAll(target, extendPrefix(prefix, pattern));
      } else {
        this.#add(pattern, target as HandlerClass, init, name, prefix);
      }
    }
  }

  #add(
    pattern: string | RegExp,
    handlerClass: HandlerClass,
    init: object | undefined,
    name: string | undefined,
    prefix: PatternPrefix,
  ): void {
    const compiled = compilePattern(pattern, prefix);
    requireUse(compiled, handlerClass, init);
    requireName(compiled, name);
    const index = this.#rules.length;
    const rule: Rule = {
      handlerClass,
      init: init ?? NO_INIT,
      groups: undefined,
      pattern: compiled,
      name,
      index,
    };
    this.#rules.push(rule);
    if (compiled.exact === undefined) this.#dynamic.push(rule);
    else if (!this.#exact.has(compiled.exact)) this.#exact.set(compiled.exact, rule);
  }
}

/** Checks a handler that is used without a pattern. @throws WebUsageError `ERR_WEB_ROUTE`. */
export function requireHandler(name: string, handlerClass: HandlerClass, init: object): void {
  const use = { handlerClass, init, paramCount: 0, paramNames: [] };
  const problem = handlerProblem(handlerClass) ?? initProblem(init) ?? handlerClass.routeProblem(use);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_ROUTE', `${name}: ${problem}`);
}

function requireUse(pattern: RoutePattern, handlerClass: HandlerClass, init: object = NO_INIT): void {
  const problem =
    handlerProblem(handlerClass) ??
    initProblem(init) ??
    handlerClass.routeProblem(useOf(pattern, handlerClass, init));
  if (problem !== undefined) throw badRoute(pattern.text, problem);
}

function useOf({ regExp }: RoutePattern, handlerClass: HandlerClass, init: object): RouteUse {
  // The added empty alternative matches with all groups unset, which shows how many groups there are and their names.
  const groups = new RegExp(`${regExp.source}|`, regExp.flags).exec('');
  const paramNames = Object.keys(groups?.groups ?? {});
  return { handlerClass, init, paramCount: (groups?.length ?? 1) - 1, paramNames };
}

function initProblem(init: unknown): string | undefined {
  if (typeof init === 'object' && init !== null) return undefined;
  const remedy = typeof init === 'string' ? '; the name of a route is the fourth element' : '';
  return `init must be an object, got ${shownValue(init)}${remedy}`;
}

function requireName({ text }: RoutePattern, name: unknown): void {
  if (name === undefined || (typeof name === 'string' && name !== '')) return;
  throw badRoute(text, `the name must be a string that is not empty, got ${shownValue(name)}`);
}

function requireList(routes: unknown): void {
  if (!Array.isArray(routes)) {
    const problem = `routes must be an array, got ${shownValue(routes)}`;
    throw new WebUsageError('ERR_WEB_ROUTE', problem);
  }
  for (const [at, spec] of routes.entries()) {
    if (Array.isArray(spec)) continue;
    const problem = `route ${at} must be an array such as ['/', Hello], got ${shownValue(spec)}`;
    throw new WebUsageError('ERR_WEB_ROUTE', problem);
  }
}
