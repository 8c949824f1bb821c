import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError } from '../errors.ts';
import type {
  AnyApplication,
  HandlerClass,
  MatchedRoute,
  Middleware,
  RouteUse,
} from '../handler/lifecycle.ts';
import { percentDecode } from '../request/url-encoding.ts';
import { handlerProblem, initProblem, isLazy } from './handler-check.ts';
import type { HostPattern } from './host-pattern.ts';
import { badRoute, NO_PATTERN, REST, type RoutePattern } from './pattern.ts';
import type { LazyHandler, RouteOptions } from './route.ts';
import { NO_VALUES, type ParamValues } from './route-table.ts';

/** The route of a request, and the matched parameters of its path. */
export interface RouteMatch {
  readonly rule: Rule;
  /** The undecoded parameters of the pattern, in order. */
  readonly values: ParamValues;
}

/**
 * Returns the part of a path that a route matches before its parameter `*name`, without the slash between them; the
 * whole path if the route has no such parameter.
 */
export function pathBeforeRest({ rule, values }: RouteMatch, path: string): string {
  if (rule.compiled.segments.at(-1) !== REST) return path;
  return path.slice(0, path.length - (values.at(-1) ?? '').length - 1);
}

/** Returns the part of a pattern before its parameter `*name`, without the slash between them. */
export function textBeforeRest({ compiled, pattern }: Rule): string {
  return compiled.segments.at(-1) === REST ? pattern.slice(0, pattern.lastIndexOf('/')) : pattern;
}

const NO_INIT = Object.freeze({});

/** What a rule inherits from the routes around it. */
export interface RulePlace {
  /** The application whose settings the handler uses. */
  readonly application: AnyApplication;
  /** The path at which that application is mounted; '' if it is not mounted. */
  readonly mountPath: string;
  /** The hosts that the rule is for; undefined for all. */
  readonly host: HostPattern | undefined;
  /** The middleware of the application and of the routes around this one. */
  readonly middleware: readonly Middleware[];
}

export interface RuleParts {
  readonly target: HandlerClass | LazyHandler;
  readonly init: unknown;
  readonly options: RouteOptions;
  readonly place: RulePlace;
  /** The pattern; {@link NO_PATTERN} for a handler that is used without a route, such as `defaultHandlerClass`. */
  readonly pattern: RoutePattern;
  /** Its position among all routes; the lowest one that matches is chosen. */
  readonly index: number;
  /** The name of this rule in messages, if it has no pattern. */
  readonly setting?: string;
}

/**
 * A compiled route: a handler class, which may not be loaded yet, and everything that its requests need from the route.
 */
export class Rule implements MatchedRoute {
  readonly init: object;
  readonly options: RouteOptions;
  readonly index: number;
  readonly application: AnyApplication;
  readonly mountPath: string;
  readonly host: HostPattern | undefined;
  readonly compiled: RoutePattern;
  /** Whether parameters have names: if so, the verb is called with one object, otherwise with the groups in order. */
  readonly hasNames: boolean;
  /** The match for paths without parameters, created once. */
  readonly match: RouteMatch = { rule: this, values: NO_VALUES };
  readonly #setting: string | undefined;
  readonly #outer: readonly Middleware[];
  readonly #load: LazyHandler | undefined;
  #handlerClass: HandlerClass | undefined = undefined;
  #chain: readonly Middleware[] = [];
  #loading: Promise<void> | undefined = undefined;

  /** @throws WebUsageError `ERR_WEB_ROUTE` if the handler, its init or its use is invalid. */
  constructor({ target, init = NO_INIT, options, place, pattern, index, setting }: RuleParts) {
    this.application = place.application;
    this.mountPath = place.mountPath;
    this.host = place.host;
    this.compiled = pattern;
    this.index = index;
    this.options = options;
    this.hasNames = pattern.paramNames.some((name) => name !== undefined);
    this.#setting = setting;
    this.#outer =
      options.middleware === undefined ? place.middleware : [...place.middleware, ...options.middleware];
    if (typeof init !== 'object' || init === null) throw this.#bad(noObject(init));
    this.init = init;
    if (isLazy(target)) {
      this.#load = target;
    } else {
      this.#load = undefined;
      this.#use(target);
    }
  }

  get pattern(): string {
    return this.compiled.text;
  }

  /** The {@link pattern}; undefined for a rule that was not made from a route, such as `defaultHandlerClass`. */
  get route(): string | undefined {
    return this.#setting === undefined && this.compiled !== NO_PATTERN ? this.pattern : undefined;
  }

  get name(): string | undefined {
    return this.options.name;
  }

  /** @throws WebUsageError if {@link isLoaded} is false. */
  get handlerClass(): HandlerClass {
    if (this.#handlerClass !== undefined) return this.#handlerClass;
    throw new WebUsageError('ERR_WEB_USAGE', `the handler of ${this.pattern} is not loaded yet`);
  }

  /** Whether the handler class is available. False only if the route loads it lazily and has not loaded it yet. */
  get isLoaded(): boolean {
    return this.#handlerClass !== undefined;
  }

  /** The middleware that runs before the handler, in order. Complete after the handler class is loaded. */
  get chain(): readonly Middleware[] {
    return this.#chain;
  }

  /** Loads the handler class. Concurrent calls share one load; after a failure, the next call tries again. */
  load(): Promise<void> {
    this.#loading ??= this.#loadOnce();
    return this.#loading;
  }

  [INSPECT](): object {
    return inspection(this, ['pattern', 'name', 'isLoaded'], () => ({
      handler: this.#handlerClass?.name,
      init: undefined,
      options: undefined,
      index: undefined,
      compiled: undefined,
      hasNames: undefined,
      match: undefined,
      application: undefined,
      host: this.host?.text,
    }));
  }

  async #loadOnce(): Promise<void> {
    try {
      const loaded: { readonly default?: unknown } | undefined = await (this.#load as LazyHandler)();
      this.#use(loaded?.default as HandlerClass);
    } finally {
      this.#loading = undefined;
    }
  }

  #use(handlerClass: HandlerClass): void {
    const problem =
      handlerProblem(handlerClass) ??
      initProblem(handlerClass, this.init) ??
      handlerClass.routeProblem(this.#useOf(handlerClass));
    if (problem !== undefined) throw this.#bad(problem);
    this.#chain =
      handlerClass.middleware.length === 0 ? this.#outer : [...this.#outer, ...handlerClass.middleware];
    this.#handlerClass = handlerClass;
  }

  #useOf(handlerClass: HandlerClass): RouteUse {
    const names = this.compiled.paramNames;
    const paramNames = names.filter((name) => name !== undefined);
    return { handlerClass, init: this.init, paramCount: names.length, paramNames };
  }

  #bad(problem: string): WebUsageError {
    if (this.#setting === undefined) return badRoute(this.pattern, problem);
    return new WebUsageError('ERR_WEB_ROUTE', `${this.#setting}: ${problem}`);
  }
}

function noObject(init: unknown): string {
  const remedy = typeof init === 'string' ? '; the name of a route is the fourth element' : '';
  return `init must be an object, got ${shownValue(init)}${remedy}`;
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/**
 * Decodes the parameters that have a name. The object has no prototype, because the groups of a regular expression may
 * have any name.
 *
 * @param names - the parameter names of a pattern, in order.
 * @throws HTTPError 400 if a value cannot be decoded.
 */
export function paramsByName(
  names: readonly (string | undefined)[],
  values: ParamValues,
): Readonly<Record<string, string>> {
  if (values.length === 0) return NO_PARAMS;
  const params: Record<string, string> = Object.create(null);
  for (const [at, value] of values.entries()) {
    const name = names[at];
    if (name !== undefined && value !== undefined) params[name] = percentDecode(value);
  }
  return params;
}

/** Decodes all parameters; undefined for a group that matched nothing. @throws HTTPError like {@link paramsByName}. */
export function paramsInOrder(values: ParamValues): readonly (string | undefined)[] {
  return values.map((value) => (value === undefined ? value : percentDecode(value)));
}
