// Patterns and routes, and the search for the route that matches a path. Does not know requests or when a handler is
// called.

import { MAX_DELAY_MS, type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import type { AnyApplication, HandlerClass, Middleware } from '../handler/lifecycle.ts';
import { HostPattern } from './host-pattern.ts';
import { badRoute, compilePattern, extendPrefix, NO_PREFIX, type PatternPrefix } from './pattern.ts';
import {
  type LazyHandler,
  MOUNT,
  type MountableApplication,
  type MountedParts,
  type RouteGroupOptions,
  type RouteOptions,
  type RouteSpec,
} from './route.ts';
import { NO_VALUES, RouteTable } from './route-table.ts';
import { type RouteMatch, Rule, type RuleParts, type RulePlace } from './rule.ts';

const GROUP_OPTIONS: OptionNames<RouteGroupOptions> = {
  middleware: true,
  maxBodyBytes: true,
  bodyTimeoutMs: true,
  handlerTimeoutMs: true,
  compressResponse: true,
};
const ROUTE_OPTIONS: OptionNames<RouteOptions> = { ...GROUP_OPTIONS, name: true };

/** The routes that surround a nested list: their prefix, and what the nested routes share. */
interface Surroundings extends RulePlace {
  readonly prefix: PatternPrefix;
  readonly options: RouteGroupOptions;
  /** The table to which the rules are added. */
  readonly table: RouteTable<Rule>;
}

/** The parts of a request that determine its route. */
export interface RoutedRequest {
  /** The undecoded path. */
  readonly path: string;
  readonly hostName: string;
}

/** The routes that are only for some hosts. */
interface HostTable {
  readonly host: HostPattern;
  readonly table: RouteTable<Rule>;
}

/** The routes of an application. The first route that matches the host and the undecoded path is chosen. */
export class Router {
  readonly #table = new RouteTable<Rule>();
  readonly #hosts: HostTable[] = [];
  readonly #rules: Rule[] = [];

  /**
   * @param middleware - runs before the middleware of the routes.
   * @throws WebUsageError `ERR_WEB_ROUTE` if a route is invalid.
   */
  constructor(
    routes: readonly RouteSpec[],
    application: AnyApplication,
    middleware: readonly Middleware[] = [],
  ) {
    const place = { application, mountPath: '', host: undefined, middleware };
    this.#addAll(routes, { ...place, prefix: NO_PREFIX, options: {}, table: this.#table });
  }

  /** All routes in order; nested ones are at the position of their prefix. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  match(request: RoutedRequest): RouteMatch | undefined {
    const { path } = request;
    let table = this.#table;
    let rule = table.find(path);
    if (this.#hosts.length > 0) {
      const { hostName } = request;
      for (const { host, table: other } of this.#hosts) {
        const found = host.matches(hostName) ? other.find(path) : undefined;
        if (found === undefined || (rule !== undefined && rule.index < found.index)) continue;
        rule = found;
        table = other;
      }
    }
    if (rule === undefined) return undefined;
    const { values } = table;
    return values === NO_VALUES ? rule.match : { rule, values };
  }

  #addAll(routes: readonly RouteSpec[], around: Surroundings): void {
    requireList(routes);
    for (const [pattern, target, third, fourth] of routes) {
      if (pattern instanceof HostPattern) this.#restrict(pattern, target, third, around);
      else if (Array.isArray(target)) this.#nest(pattern, target, third, around);
      else if (isMountable(target)) this.#mountBelow(pattern, target, third, around);
      else this.#add(pattern, target as HandlerClass | LazyHandler, third, fourth, around);
    }
  }

  #nest(pattern: string | RegExp, routes: readonly RouteSpec[], given: unknown, around: Surroundings): void {
    const prefix = requirePrefix(pattern, around);
    this.#addAll(routes, { ...within(around, prefix.text, given), prefix });
  }

  /** Adds routes, or an application, for some hosts. */
  #restrict(host: HostPattern, target: unknown, given: unknown, around: Surroundings): void {
    if (around.host !== undefined) {
      throw badRoute(host.text, `the host is inside of routes for another host, ${around.host.text}`);
    }
    const table = new RouteTable<Rule>();
    this.#hosts.push({ host, table });
    const inner = { ...within(around, host.text, given), host, table };
    if (Array.isArray(target)) this.#addAll(target, inner);
    else if (isMountable(target)) this.#mount(target[MOUNT](around.application), inner);
    else
      throw badRoute(
        host.text,
        `a host takes an array of routes or an Application, got ${shownValue(target)}`,
      );
  }

  #mountBelow(
    pattern: string | RegExp,
    target: MountableApplication,
    given: unknown,
    around: Surroundings,
  ): void {
    const prefix = requirePrefix(pattern, around);
    if (prefix.paramNames.length > 0)
      throw badRoute(prefix.text, 'an application cannot be mounted below a parameter');
    const inner = { ...within(around, prefix.text, given), prefix };
    const parts = target[MOUNT](around.application);
    const slash = { target: parts.redirect, init: { url: `${prefix.text}/` }, options: inner.options };
    this.#enter({ ...slash, pattern: compilePattern(pattern, around.prefix) }, inner);
    this.#mount(parts, inner);
  }

  #mount(parts: MountedParts, around: Surroundings): void {
    const { application, routes, middleware, fallback, fallbackInit } = parts;
    const mountPath = around.prefix.text;
    const inner = { ...around, application, mountPath, middleware: [...around.middleware, ...middleware] };
    this.#addAll(routes, inner);
    const rest = { pattern: compilePattern('/*rest', around.prefix), setting: 'defaultHandlerClass' };
    this.#enter({ ...rest, target: fallback, init: fallbackInit, options: inner.options }, inner);
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
    const options = { ...around.options, ...own };
    this.#enter({ target, init, options, pattern: compiled }, around);
  }

  #enter(parts: Omit<RuleParts, 'place' | 'index'>, around: Surroundings): void {
    const rule = new Rule({ ...parts, place: around, index: this.#rules.length });
    this.#rules.push(rule);
    around.table.add(rule);
  }
}

/** Returns the surroundings for routes that share options. */
function within(around: Surroundings, text: string, given: unknown): Surroundings {
  const { middleware = [], ...own } = requireOptions(text, given ?? {}, GROUP_OPTIONS);
  return {
    ...around,
    options: { ...around.options, ...own },
    middleware: [...around.middleware, ...middleware],
  };
}

function isMountable(target: unknown): target is MountableApplication {
  return typeof target === 'object' && target !== null && MOUNT in target;
}

function requirePrefix(pattern: string | RegExp, around: Surroundings): PatternPrefix {
  if (typeof pattern !== 'string') {
    const text = `a prefix of routes must be a string, got ${shownValue(pattern)}`;
    throw new WebUsageError('ERR_WEB_ROUTE', text);
  }
  const prefix = extendPrefix(around.prefix, pattern);
  if (pattern.endsWith('/'))
    throw badRoute(prefix.text, 'a prefix must not end with /, since the patterns below it start with it');
  return prefix;
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
  const { name, middleware, maxBodyBytes, compressResponse } = options;
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    return `the name must be a string that is not empty, got ${shownValue(name)}`;
  if (maxBodyBytes !== undefined && !isCount(maxBodyBytes))
    return `maxBodyBytes must be a whole number of bytes, got ${shownValue(maxBodyBytes)}`;
  if (compressResponse !== undefined && typeof compressResponse !== 'boolean')
    return `compressResponse must be true or false, got ${shownValue(compressResponse)}`;
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
