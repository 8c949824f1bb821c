// The settings `uiModules` and `uiMethods`, as they are checked when an application is made.

import { shownText, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import type { Locale, TranslateFunction } from '../locale/locale.ts';
import type { TemplateHandler } from './template-handler.ts';
import { TemplateModule } from './template-module.ts';
import { UIModule, type UIModuleClass } from './ui-module.ts';

/** A function that templates call as `it.name(…)`, with the handler before its own arguments. */
// biome-ignore lint/suspicious/noExplicitAny: a method has a handler and parameters of its own
export type UIMethod = (handler: any, ...args: any[]) => unknown;

/** The setting `uiMethods`: functions by name, or several such objects. Names start with a lower-case letter. */
export type UIMethodsSetting =
  | Readonly<Record<string, UIMethod>>
  | readonly Readonly<Record<string, UIMethod>>[];

/** The setting `uiModules`: classes by name, or several such objects. Names start with a capital. */
export type UIModulesSetting =
  | Readonly<Record<string, UIModuleClass>>
  | readonly Readonly<Record<string, UIModuleClass>>[];

/** The names that every template sees. */
const BUILTIN_NAMES: readonly (keyof TemplateBuiltins)[] = [
  'handler',
  'request',
  'currentUser',
  'locale',
  '_',
  'staticUrl',
  'reverseUrl',
  'xsrfFormHtml',
  'modules',
  'module',
];

/** What every template sees of its handler. */
export interface TemplateBuiltins {
  readonly handler: TemplateHandler;
  readonly request: TemplateHandler['request'];
  readonly currentUser: unknown;
  readonly locale: Locale;
  /** Translates a message into the locale; see `Locale._`. */
  readonly _: TranslateFunction;
  readonly staticUrl: TemplateHandler['staticUrl'];
  readonly reverseUrl: TemplateHandler['reverseUrl'];
  readonly xsrfFormHtml: TemplateHandler['xsrfFormHtml'];
  /** The UI modules by name. */
  readonly modules: object;
  /** Renders a UI module, by its class or its name. */
  readonly module: (module: string | UIModuleClass, ...args: never[]) => unknown;
}

/** Names that every object has, or that JavaScript gives a meaning. */
const RESERVED: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  'then',
  'toJSON',
]);
/** The module that every application has. */
const BUILTIN_MODULE = 'Template';

/**
 * Checks the setting `uiMethods`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if a name is invalid, hides a builtin or is used twice, or a value is not a
 *   function.
 */
export function checkUiMethods(setting: unknown): ReadonlyMap<string, UIMethod> {
  const methods = new Map<string, UIMethod>();
  for (const [name, method] of entriesOf('uiMethods', 'functions', setting)) {
    if (typeof method !== 'function')
      throw usage(`uiMethods: ${name} must be a function, got ${shownValue(method)}`);
    if (/^class\b/.test(Function.prototype.toString.call(method))) {
      throw usage(
        `uiMethods: ${name} must be a function, got ${shownValue(method)}: is it one of uiModules?`,
      );
    }
    if (!/^[a-z][\w$]*$/.test(name)) {
      throw usage(`uiMethods: a name must start with a lower-case letter, got ${shownText(name)}`);
    }
    if (RESERVED.has(name) || (BUILTIN_NAMES as readonly string[]).includes(name)) {
      throw usage(`uiMethods: ${shownText(name)} is built in: choose another name`);
    }
    add('uiMethods', methods, name, method as UIMethod);
  }
  return methods;
}

/**
 * Checks the setting `uiModules`, and adds the built-in module `Template`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if a name is invalid, built in or used twice, or a value is not a subclass of
 *   {@link UIModule}.
 */
export function checkUiModules(setting: unknown): ReadonlyMap<string, UIModuleClass> {
  const modules = new Map<string, UIModuleClass>();
  for (const [name, module] of entriesOf('uiModules', 'classes', setting)) {
    if (!isModuleClass(module)) {
      throw usage(`uiModules: ${name} must be a subclass of UIModule, got ${shownValue(module)}`);
    }
    if (!/^[A-Z][\w$]*$/.test(name))
      throw usage(`uiModules: a name must start with a capital, got ${shownText(name)}`);
    if (name === BUILTIN_MODULE)
      throw usage(`uiModules: ${shownText(name)} is built in: choose another name`);
    add('uiModules', modules, name, module);
  }
  return modules.set(BUILTIN_MODULE, TemplateModule);
}

/** Whether a value is a subclass of {@link UIModule}. */
export function isModuleClass(value: unknown): value is UIModuleClass {
  return typeof value === 'function' && value.prototype instanceof UIModule;
}

function entriesOf(setting: string, what: string, value: unknown): [string, unknown][] {
  const maps: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return maps.flatMap((map) => {
    if (typeof map === 'object' && map !== null && !Array.isArray(map)) return Object.entries(map);
    throw usage(
      `${setting} must be an object of ${what} by name, or an array of such objects, got ${shownValue(map)}`,
    );
  });
}

function add<Value>(setting: string, known: Map<string, Value>, name: string, value: Value): void {
  if (known.has(name) && known.get(name) !== value) {
    throw usage(`${setting}: there are two different values for the name ${shownText(name)}`);
  }
  known.set(name, value);
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `Application: ${problem}`);
}
