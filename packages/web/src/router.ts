import { WebUsageError } from './errors.ts';
import type { HandlerClass, RouteSpec } from './route.ts';
import {
  compilePattern,
  extendPrefix,
  NO_PREFIX,
  type PatternPrefix,
  type RoutePattern,
} from './route-pattern.ts';

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
    for (const spec of routes) {
      const [pattern, target, init, name] = spec;
      if (Array.isArray(target)) {
        if (typeof pattern !== 'string')
          throw new WebUsageError('ERR_WEB_ROUTE', 'a prefix must be a string');
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
    if (typeof handlerClass !== 'function') {
      throw new WebUsageError('ERR_WEB_ROUTE', `route ${compiled.text}: a handler class was expected`);
    }
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
