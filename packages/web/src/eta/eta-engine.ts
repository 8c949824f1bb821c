import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError, webChecks } from '../errors.ts';
import type { TemplateEngine, TemplateEngineOptions } from '../templates/template-engine.ts';
import { compileOptionsOf, ETA_SYNTAX, type EtaSyntax, requireExtension } from './eta-options.ts';
import { type PrecompiledTemplates, readPrecompiled } from './precompiled.ts';
import { TemplateFiles } from './template-files.ts';
import { missingTemplate } from './template-folder.ts';
import { resolveTemplateName } from './template-name.ts';
import { type CompiledTemplate, renderTemplate, type TemplateSet } from './template-scope.ts';

/** Functions that templates call by their names, such as `money(price)`. They get only their arguments. */
// biome-ignore lint/suspicious/noExplicitAny: each function has parameters of its own
export type EtaFunctions = Readonly<Record<string, (...args: any[]) => unknown>>;

/** Options of an {@link EtaEngine}, which has either {@link views} or {@link templates}. */
export interface EtaEngineOptions extends EtaSyntax {
  /** The folder of the templates. */
  readonly views?: string;
  /** What a module of {@link precompileTemplates} exports, instead of files; it has its own syntax and extension. */
  readonly templates?: PrecompiledTemplates | { readonly default: PrecompiledTemplates };
  /** The extension of the templates' files, which names may omit: other files are never read. Default: `.eta`. */
  readonly extension?: string;
  /**
   * Whether a template is compiled only once. Otherwise its file is checked for changes each time it is used. Default:
   * true, or false if an application with this engine has the setting `debug`.
   */
  readonly cache?: boolean;
  /** Functions for all templates. Default: none. */
  readonly functions?: EtaFunctions;
  /** How deep templates may be nested by `include` and `layout`: 1 to 1,000 levels. Default: 100. */
  readonly maxDepth?: number;
}

const ENGINE_OPTIONS: OptionNames<EtaEngineOptions> = {
  ...ETA_SYNTAX,
  views: true,
  templates: true,
  extension: true,
  cache: true,
  functions: true,
  maxDepth: true,
};

const DEFAULT_MAX_DEPTH = 100;
/** The options that a generated module already has. */
const FOR_FILES = [
  'views',
  'extension',
  'cache',
  ...Object.keys(ETA_SYNTAX),
] as readonly (keyof EtaEngineOptions)[];

/**
 * Renders Eta templates from the files of a folder, or from a module that was generated from them. Their authors are
 * trusted: a template is a program. The names may come from clients.
 *
 * In a template, `it` is the namespace of the call. `<%= value %>` prints a value by the rules of `html`: escaped,
 * unless it is an `Html` value or a `jsonScript`; print neither inside an attribute, because the engine does not know
 * where a tag stands, and does not check URLs either. `<%~ value %>` prints it as it is, and `<% code %>` runs code in
 * strict mode. A template that contains `await` is rendered asynchronously. These functions exist everywhere:
 *
 * - `include(name, data?)`, and `includeAsync` for templates with `await`: another template, with this namespace and
 *   the data. Names are relative to the template, or to the views folder if they start with `/`.
 * - `layout(name, data?)`: this template becomes `it.body` of that one.
 * - `block(name, () => { %>…<% })` and `blockAsync`: a part that templates with this layout can replace, at any number
 *   of levels.
 * - `capture(() => { %>…<% })` and `captureAsync`: the output as a value.
 * - `escapeHtml`, `unsafeHtml` and `jsonScript`.
 *
 * Files are read synchronously, each once, or whenever it is used if the engine does not cache.
 *
 * @example
 * const engine = new EtaEngine({ views: path.join(import.meta.dirname, 'views') });
 * const application = new Application(routes, { templateEngine: engine });
 */
export class EtaEngine implements TemplateEngine {
  readonly #extension: string;
  readonly #files: TemplateFiles | undefined;
  readonly #precompiled: ReadonlyMap<string, CompiledTemplate> | undefined;
  readonly #set: TemplateSet;
  readonly #cache: boolean | undefined;

  /**
   * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid, the folder cannot be read, or the
   *   generated templates need functions that are not given, or were generated without one that is.
   */
  constructor(options: EtaEngineOptions) {
    const operation = 'EtaEngine';
    webChecks.options(operation, options, ENGINE_OPTIONS);
    const {
      views,
      templates,
      extension = '.eta',
      cache,
      functions = {},
      maxDepth = DEFAULT_MAX_DEPTH,
    } = options;
    webChecks.wholeNumber(operation, 'maxDepth', maxDepth, 1, 1000);
    if (cache !== undefined) webChecks.boolean(operation, 'cache', cache);
    const callable = requireFunctions(functions);
    this.#cache = cache;
    if (templates === undefined) {
      this.#extension = requireExtension(operation, extension);
      const compile = compileOptionsOf(operation, syntaxOf(options), Object.keys(callable));
      this.#files = new TemplateFiles(views, this.#extension, compile, cache ?? true);
    } else {
      const other = FOR_FILES.find((name) => options[name] !== undefined);
      if (other !== undefined)
        throw usage(`${other} must not be given with templates, which are already compiled`);
      const precompiled = readPrecompiled(operation, templates);
      const missing = precompiled.functions.find((name) => !Object.hasOwn(callable, name));
      if (missing !== undefined)
        throw usage(`functions must have ${missing}, which the generated templates may call`);
      const unknown = Object.keys(callable).find((name) => !precompiled.functions.includes(name));
      if (unknown !== undefined) {
        const remedy = `generate them with landspout precompile --function ${unknown}`;
        throw usage(`the templates were generated without the function ${unknown}: ${remedy}`);
      }
      this.#extension = precompiled.extension;
      this.#precompiled = precompiled.templates;
    }
    this.#set = { functions: callable, maxDepth, find: (name, from) => this.#find(name, from) };
  }

  /** Called by each application. If one has the setting `debug`, files are checked for changes from then on. */
  configure({ debug }: TemplateEngineOptions): void {
    if (debug && this.#cache === undefined) this.#files?.stopCaching();
  }

  /**
   * Renders a template with everything that it includes, and its layouts.
   *
   * @param name - relative to the views folder, such as `pages/home`.
   * @param namespace - what the template sees as `it`. It is not modified.
   * @returns a promise only if a template contains `await`.
   * @throws TemplateError `ERR_WEB_TEMPLATE` (or rejects with it) if the template does not exist, is invalid or throws.
   *   An HTTPError or Finish that a template throws is passed on.
   */
  render(name: string, namespace: object): string | Promise<string> {
    return renderTemplate(this.#set, this.#find(name, undefined), namespace);
  }

  /**
   * Compiles all templates of the folder, so that a mistake in one is found when the program starts.
   *
   * @returns the number of templates.
   * @throws TemplateError `ERR_WEB_TEMPLATE` if one is invalid.
   */
  load(): number {
    return this.#files?.load() ?? (this.#precompiled as ReadonlyMap<string, unknown>).size;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      views: this.#files?.folder,
      extension: this.#extension,
      cache: this.#files?.isCaching,
      templates: this.#files?.count ?? this.#precompiled?.size,
    }));
  }

  #find(name: unknown, from: string | undefined): CompiledTemplate {
    if (this.#files !== undefined) return this.#files.find(name, from);
    const precompiled = this.#precompiled as ReadonlyMap<string, CompiledTemplate>;
    const path = resolveTemplateName(name, this.#extension, from);
    const template = precompiled.get(path);
    if (template !== undefined) return template;
    throw missingTemplate(path, `among the ${precompiled.size} generated ones`, [...precompiled.keys()]);
  }
}

function syntaxOf(options: EtaEngineOptions): EtaSyntax {
  const { tags, autoTrim, varName, whitespace, plainText } = options;
  const given = Object.entries({ tags, autoTrim, varName, whitespace, plainText });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function requireFunctions(functions: unknown): EtaFunctions {
  if (typeof functions !== 'object' || functions === null) {
    throw webChecks.wrong('EtaEngine', 'functions: an object of functions', functions);
  }
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value !== 'function')
      throw usage(`functions: ${name} must be a function, got ${shownValue(value)}`);
  }
  return { ...functions } as EtaFunctions;
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `EtaEngine: ${problem}`);
}
