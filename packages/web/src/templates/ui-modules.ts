import { shownText, shownValue, similarName } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable } from '@landspout/ioloop/reactor';
import { WebUsageError } from '../errors.ts';
import { unsafeHtml } from '../html/html.ts';
import { Html } from '../html/html-value.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { insertAssets, PageAssets } from './page-assets.ts';
import { PageAssetsStream } from './page-assets-stream.ts';
import type { TemplateHandler } from './template-handler.ts';
import type { RenderedModule, UIModule, UIModuleClass } from './ui-module.ts';
import { isModuleClass } from './ui-settings.ts';

/** Calls of the registered modules, as templates write them: `modules.Entry(entry)`. */
export type ModuleCalls = Readonly<Record<string, (...args: unknown[]) => Html | Promise<Html>>>;

/** The UI modules of one request: creates each when it is first used, and adds their assets to the page. */
export class UIModules {
  readonly #handler: TemplateHandler;
  readonly #registered: ReadonlyMap<string, UIModuleClass>;
  /** The modules that were used, in order of first use. */
  readonly #active = new Map<UIModuleClass, UIModule>();
  #calls: ModuleCalls | undefined;

  /** @param registered - the checked setting `uiModules`; see `checkUiModules`. */
  constructor(handler: TemplateHandler, registered: ReadonlyMap<string, UIModuleClass>) {
    this.#handler = handler;
    this.#registered = registered;
  }

  /** The modules that were used, in order of first use. */
  get active(): Iterable<UIModule> {
    return this.#active.values();
  }

  /** Whether no module was used, so that there is nothing to add to the page. */
  get isEmpty(): boolean {
    return this.#active.size === 0;
  }

  /** A function for each registered module. Reading an unknown name throws a WebUsageError `ERR_WEB_USAGE`. */
  get calls(): ModuleCalls {
    this.#calls ??= callsOf(this, this.#registered);
    return this.#calls;
  }

  /**
   * Renders a module.
   *
   * @param module - a subclass of {@link UIModule}, registered or not, or a registered name.
   * @param args - the arguments of its `render`.
   * @returns the HTML, or a promise for it if `render` returned a promise. Text was escaped.
   * @throws WebUsageError `ERR_WEB_USAGE` if the name is unknown, or `render` returned something else. What `render`
   *   throws.
   */
  call<Module extends UIModule>(
    module: UIModuleClass<Module>,
    ...args: Parameters<Module['render']>
  ): RenderedModule<Module>;
  call(module: string, ...args: readonly unknown[]): Html | Promise<Html>;
  call(module: string | UIModuleClass, ...args: readonly unknown[]): Html | Promise<Html> {
    const moduleClass = typeof module === 'string' ? this.#classOf(module) : module;
    let instance = this.#active.get(moduleClass);
    if (instance === undefined) {
      if (!isModuleClass(moduleClass)) {
        throw usage(
          `module: a subclass of UIModule or the name of one was expected, not ${shownValue(module)}`,
        );
      }
      instance = new moduleClass(this.#handler);
      this.#active.set(moduleClass, instance);
    }
    const content: unknown = instance.render(...args);
    if (!isThenable(content)) return htmlOf(moduleClass, content);
    return Promise.resolve(content).then((settled) => htmlOf(moduleClass, settled));
  }

  /** Adds the assets of the modules that were used to a complete page; see {@link insertAssets}. */
  insertAssets(page: string): string {
    if (this.isEmpty) return page;
    const assets = new PageAssets(this.#handler);
    assets.addHead(this.active);
    assets.addBody(this.active);
    return insertAssets(page, assets);
  }

  /** Adds the assets to a page that is sent in pieces. */
  streamAssets(): PageAssetsStream {
    return new PageAssetsStream(this.#handler, () => this.active);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      registered: [...this.#registered.keys()],
      active: [...this.#active.keys()].map(({ name }) => name),
    }));
  }

  #classOf(name: string): UIModuleClass {
    const found = this.#registered.get(name);
    if (found !== undefined) return found;
    throw unknownModule(name, this.#registered);
  }
}

function callsOf(modules: UIModules, registered: ReadonlyMap<string, UIModuleClass>): ModuleCalls {
  const calls: Record<string, (...args: unknown[]) => Html | Promise<Html>> = Object.create(
    unknownNames(registered),
  );
  for (const name of registered.keys()) calls[name] = (...args) => modules.call(name, ...args);
  return calls;
}

const prototypes = new WeakMap<object, object>();

/** Makes the prototype of {@link ModuleCalls}, which is asked only for names that are not registered. */
function unknownNames(registered: ReadonlyMap<string, UIModuleClass>): object {
  const known = prototypes.get(registered);
  if (known !== undefined) return known;
  const names = [...registered.keys()];
  const prototype = new Proxy(Object.prototype, {
    get(target, name) {
      // Code that finds out what kind of object it has, such as util.inspect, reads names that no module can have.
      const isModule = typeof name === 'string' && !(name in target) && isLikeModule(name, names);
      if (isModule) throw unknownModule(name, registered);
      return Reflect.get(target, name);
    },
  });
  prototypes.set(registered, prototype);
  return prototype;
}

function isLikeModule(name: string, names: readonly string[]): boolean {
  return /^[A-Z]/.test(name) || similarName(name, names) !== undefined;
}

function unknownModule(name: string, registered: ReadonlyMap<string, UIModuleClass>): WebUsageError {
  const similar = similarName(name, [...registered.keys()]);
  const remedy =
    similar === undefined ? 'register it in the setting uiModules' : `did you mean "${similar}"?`;
  return usage(`module: there is no UI module ${shownText(name)}: ${remedy}`);
}

function htmlOf(moduleClass: UIModuleClass, content: unknown): Html {
  if (Html.isHtml(content)) return content;
  if (typeof content === 'string') return unsafeHtml(escapeHtml(content));
  const remedy = content === undefined ? '; is there a return?' : '';
  throw usage(
    `module: render of ${moduleClass.name} must return Html or a string, got ${shownValue(content)}${remedy}`,
  );
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', problem);
}
