import { webChecks } from '../errors.ts';
import type { TemplateHandler } from './template-handler.ts';
import type { UIModules } from './ui-modules.ts';
import type { TemplateBuiltins, UIMethod } from './ui-settings.ts';

export interface NamespaceOptions {
  /** The checked setting `uiMethods`. */
  readonly uiMethods: ReadonlyMap<string, UIMethod>;
  /** The UI modules of the request. */
  readonly modules: UIModules;
  /** The data of the call, which may hide any other name. Default: none. */
  readonly data?: object | undefined;
}

/**
 * Makes what a template sees: the builtins, the UI methods and the data of the call. Functions are bound to the handler,
 * so a template may use them without the namespace. Only the data are own properties; the rest is inherited, and the
 * current user, the locale and the modules are looked up when a template reads them.
 *
 * @returns a new object, which the caller owns.
 * @throws WebUsageError `ERR_WEB_USAGE` if `data` is not an object.
 */
export function templateNamespace(
  handler: TemplateHandler,
  { uiMethods, modules, data }: NamespaceOptions,
): Record<string, unknown> {
  const isData = typeof data === 'object' && data !== null && !Array.isArray(data) && !('then' in data);
  if (data !== undefined && !isData) throw webChecks.wrong('render', 'data: an object', data);
  const builtins: TemplateBuiltins = {
    handler,
    request: handler.request,
    get currentUser() {
      return handler.currentUser;
    },
    get locale() {
      return handler.locale;
    },
    get _() {
      return handler.locale._;
    },
    staticUrl: (path, options) => handler.staticUrl(path, options),
    reverseUrl: (target, ...values) => handler.reverseUrl(target, ...values),
    xsrfFormHtml: () => handler.xsrfFormHtml(),
    get modules() {
      return modules.calls;
    },
    module: (module, ...args) => modules.call(module as never, ...args),
  };
  for (const [name, method] of uiMethods) {
    (builtins as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => method(handler, ...args);
  }
  return extended(builtins, data);
}

/**
 * Returns an object that has the properties of `data`, and inherits from `namespace`. A literal with `__proto__` would
 * cost twelve times as much, because each would have a shape of its own.
 */
export function extended(namespace: object, data: object | undefined): Record<string, unknown> {
  // Assigning a property `__proto__` would replace the prototype; a spread defines it as a plain property.
  if (data !== undefined && Object.hasOwn(data, '__proto__')) {
    return { __proto__: namespace, ...data } as unknown as Record<string, unknown>;
  }
  return Object.assign(Object.create(namespace), data);
}
