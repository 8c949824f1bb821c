// This room knows patterns, routes and which route a path belongs to. It does not know requests or when a handler runs.

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

/** Who answers a request, and what the path said. */
export interface RouteMatch {
  readonly handlerClass: HandlerClass;
  readonly init: object;
  /** What the pattern's groups took, undecoded; undefined where there are none. */
  readonly groups: RegExpExecArray | undefined;
}

/** A compiled rule. It is its own match where the pattern has no parameters, so that none need be made. */
export interface Rule extends RouteMatch {
  readonly pattern: RoutePattern;
  readonly name: string | undefined;
  /** Its place among all rules: a lower one wins. */
  readonly index: number;
}

/**
 * Finds the first rule whose pattern matches a path. The path is compared as it came, neither decoded nor
 * normalised. Exact paths are looked up instead of tried, but never overtake an earlier rule with parameters.
 */
export class Router {
  readonly #exact = new Map<string, Rule>();
  readonly #dynamic: Rule[] = [];
  readonly #rules: Rule[] = [];

  /** @throws WebUsageError `ERR_WEB_ROUTE` for a rule that cannot be understood. */
  constructor(routes: readonly RouteSpec[]) {
    this.#addAll(routes, NO_PREFIX);
  }

  /** All rules in order, nested ones in their parent's place. */
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
          const text = `a prefix of routes must be a string, not ${shownValue(pattern)}`;
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
  // Matches everything, with nothing in any group: so it says which groups there are.
  const groups = new RegExp(`${regExp.source}|`, regExp.flags).exec('');
  const paramNames = Object.keys(groups?.groups ?? {});
  return { handlerClass, init, paramCount: (groups?.length ?? 1) - 1, paramNames };
}

function initProblem(init: unknown): string | undefined {
  if (typeof init === 'object' && init !== null) return undefined;
  const remedy = typeof init === 'string' ? '; the name of a route comes fourth' : '';
  return `an object as init was expected, not ${shownValue(init)}${remedy}`;
}

function requireName({ text }: RoutePattern, name: unknown): void {
  if (name === undefined || (typeof name === 'string' && name !== '')) return;
  throw badRoute(text, `a name was expected, not ${shownValue(name)}`);
}

function requireList(routes: unknown): void {
  if (!Array.isArray(routes)) {
    const problem = `an array of routes was expected, not ${shownValue(routes)}`;
    throw new WebUsageError('ERR_WEB_ROUTE', problem);
  }
  for (const [at, spec] of routes.entries()) {
    if (Array.isArray(spec)) continue;
    const problem = `route ${at}: an array such as ['/', Hello] was expected, not ${shownValue(spec)}`;
    throw new WebUsageError('ERR_WEB_ROUTE', problem);
  }
}
