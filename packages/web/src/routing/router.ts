// Patterns, routes, and which route matches a path. Does not know requests or when a handler is called.

import { MAX_DELAY_MS, type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import type { HandlerClass, Middleware } from '../handler/lifecycle.ts';
import { badRoute, compilePattern, extendPrefix, NO_PREFIX, type PatternPrefix } from './pattern.ts';
import type { LazyHandler, RouteGroupOptions, RouteOptions, RouteSpec } from './route.ts';
import { NO_VALUES, RouteTable } from './route-table.ts';
import { type RouteMatch, Rule } from './rule.ts';

const GROUP_OPTIONS: OptionNames<RouteGroupOptions> = {
  middleware: true,
  maxBodyBytes: true,
  bodyTimeoutMs: true,
  handlerTimeoutMs: true,
};
const ROUTE_OPTIONS: OptionNames<RouteOptions> = { ...GROUP_OPTIONS, name: true };

/** Routes around others: a prefix, and the options that they share. */
interface Surroundings {
  readonly prefix: PatternPrefix;
  readonly options: RouteGroupOptions;
  readonly middleware: readonly Middleware[];
}

/** All routes of one host. The first that matches the undecoded path is chosen. */
export class Router {
  readonly #table = new RouteTable<Rule>();
  readonly #rules: Rule[] = [];

  /**
   * @param middleware - runs before that of the routes.
   * @throws WebUsageError `ERR_WEB_ROUTE` if a route is invalid.
   */
  constructor(routes: readonly RouteSpec[], middleware: readonly Middleware[] = []) {
    this.#addAll(routes, { prefix: NO_PREFIX, options: {}, middleware });
  }

  /** All routes in order; nested ones are at the position of their prefix. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  match(path: string): RouteMatch | undefined {
    const rule = this.#table.find(path);
    if (rule === undefined) return undefined;
    const { values } = this.#table;
    return values === NO_VALUES ? rule.match : { rule, values };
  }

  #addAll(routes: readonly RouteSpec[], around: Surroundings): void {
    requireList(routes);
    for (const [pattern, target, third, fourth] of routes) {
      if (Array.isArray(target)) this.#nest(pattern, target, third, around);
      else this.#add(pattern, target as HandlerClass | LazyHandler, third, fourth, around);
    }
  }

  #nest(pattern: string | RegExp, routes: readonly RouteSpec[], given: unknown, around: Surroundings): void {
    if (typeof pattern !== 'string') {
      const text = `a prefix of routes must be a string, got ${shownValue(pattern)}`;
      throw new WebUsageError('ERR_WEB_ROUTE', text);
    }
    const prefix = extendPrefix(around.prefix, pattern);
    const own = requireOptions(prefix.text, given ?? {}, GROUP_OPTIONS);
    const options = { ...around.options, ...own };
    this.#addAll(routes, { prefix, options, middleware: [...around.middleware, ...(own.middleware ?? [])] });
  }

  #add(
    pattern: string | RegExp,
    target: HandlerClass | LazyHandler,
    init: unknown,
    nameOrOptions: unknown,
    around: Surroundings,
  ): void {
    const compiled = compilePattern(pattern, around.prefix);
    const given = typeof nameOrOptions === 'string' ? { name: nameOrOptions } : (nameOrOptions ?? {});
    if (typeof given !== 'object') {
      const problem = `the fourth element must be a name or an object of options, got ${shownValue(given)}`;
      throw badRoute(compiled.text, problem);
    }
    const own = requireOptions<RouteOptions>(compiled.text, given, ROUTE_OPTIONS);
    const { middleware, ...shared } = around.options;
    const rule = new Rule({
      target,
      init,
      options: { ...shared, ...own },
      outer: around.middleware,
      pattern: compiled,
      index: this.#rules.length,
    });
    this.#rules.push(rule);
    this.#table.add(rule);
  }
}

function requireOptions<Options extends RouteOptions>(
  text: string,
  options: unknown,
  known: OptionNames<Options>,
): Options {
  const problem = optionsProblem(options, known) ?? optionProblem(options as RouteOptions);
  if (problem !== undefined) throw badRoute(text, problem);
  return options as Options;
}

function optionProblem(options: RouteOptions): string | undefined {
  const { name, middleware, maxBodyBytes } = options;
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    return `the name must be a string that is not empty, got ${shownValue(name)}`;
  if (maxBodyBytes !== undefined && !isCount(maxBodyBytes))
    return `maxBodyBytes must be a whole number of bytes, got ${shownValue(maxBodyBytes)}`;
  for (const timeout of ['bodyTimeoutMs', 'handlerTimeoutMs'] as const) {
    const value = options[timeout];
    if (value !== undefined && !(value >= 0 && value <= MAX_DELAY_MS))
      return `${timeout} must be a number from 0 to ${MAX_DELAY_MS}, got ${shownValue(value)}`;
  }
  return middlewareProblem(middleware);
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Explains what is wrong with a list of middleware; undefined if nothing is. */
export function middlewareProblem(list: unknown): string | undefined {
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) return `middleware must be an array of functions, got ${shownValue(list)}`;
  const wrong = list.findIndex((one) => typeof one !== 'function');
  if (wrong === -1) return undefined;
  return `middleware must be an array of functions, and its element ${wrong} is ${shownValue(list[wrong])}`;
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
