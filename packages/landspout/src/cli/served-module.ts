import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServeOptions } from '@landspout/httpserver/fetch';
import { shownValue } from '@landspout/ioloop/errors';
import type { Application } from '@landspout/web';
import type { ModuleArguments } from './application-arguments.ts';
import { typescriptLoader } from './typescript-support.ts';
import { CommandFailure } from './wrong-usage.ts';

/** A Fetch handler: `(request) => response`. */
export type ServedFetch = ServeOptions['fetch'];

/** What a module has for the commands. */
export type Served =
  | { readonly kind: 'application'; readonly application: Application }
  | { readonly kind: 'fetch'; readonly fetch: ServedFetch };

/** What a function that makes the application is called with. */
export interface ApplicationOptions {
  /** True in `landspout dev`. */
  readonly debug: boolean;
}

const EXPECTED = 'an Application, a Fetch handler, or a function that returns one';

/**
 * Whether the source of a module seems to have a default export. If not, it is run as a program of its own; otherwise it
 * is imported. A mistake does no harm, unless the module asks whether it is the main one.
 */
export function seemsToExportDefault(source: string): boolean {
  return /\bexport\s+default\b|\bas\s+default\b|\bexports\b|\bexport\s*=/.test(source);
}

/**
 * Imports a module, and returns what its default export serves.
 *
 * @param entry - the absolute path of the module.
 * @returns undefined if the module has no default export.
 * @throws CommandFailure if the default export is something else; whatever the module or its function throws.
 */
export async function importServed(entry: string, options: ApplicationOptions): Promise<Served | undefined> {
  const namespace: object = await import(pathToFileURL(entry).href);
  return await servedBy(namespace, path.basename(entry), options);
}

/**
 * Does all that a command other than `dev` needs: loads tsx if the module needs it, and imports the module with its
 * arguments in `process.argv`.
 *
 * @throws CommandFailure also if there is no default export; whatever the module or its function throws.
 */
export async function loadServed({ entry, rest }: ModuleArguments): Promise<Served> {
  const loader = typescriptLoader(entry);
  process.argv = [...process.argv.slice(0, 2), ...rest];
  if (loader !== undefined) await import(loader);
  const served = await importServed(entry, { debug: false });
  if (served !== undefined) return served;
  const file = path.basename(entry);
  const remedy = `write "export default" before it, or run ${file} with node if it is a program of its own`;
  throw new CommandFailure(`${file} has no default export; ${EXPECTED} was expected: ${remedy}`);
}

/**
 * Like {@link importServed}, for an imported module.
 *
 * A function that has no parameter, or whose parameter is an object with `debug`, makes what is served; any other
 * function is a Fetch handler. A function without parameters that returns a Response is one too.
 *
 * @param file - the name of the module in messages.
 */
export async function servedBy(
  namespace: object,
  file: string,
  options: ApplicationOptions,
): Promise<Served | undefined> {
  const exported = defaultExportOf(namespace);
  if (exported === undefined) return undefined;
  const served = servedValue(exported);
  if (served !== undefined) return served;
  if (typeof exported !== 'function' || isClass(exported) || isNodeHandler(exported))
    throw wrongExport(file, exported);
  if (!isMaker(exported)) return { kind: 'fetch', fetch: checkedFetch(exported as ServedFetch, file) };
  const made: unknown = await exported(options);
  if (made instanceof Response) return { kind: 'fetch', fetch: exported as ServedFetch };
  const servedByMade = servedValue(made);
  if (servedByMade !== undefined) return servedByMade;
  if (typeof made === 'function' && !isClass(made) && !isNodeHandler(made))
    return { kind: 'fetch', fetch: checkedFetch(made as ServedFetch, file) };
  const problem = `the function that ${file} exports by default must return an Application or a Fetch handler`;
  throw new CommandFailure(`${problem}, got ${shownValue(made)}${remedyFor(made)}`);
}

function servedValue(value: unknown): Served | undefined {
  if (isApplication(value)) return { kind: 'application', application: value };
  if (!hasFetch(value)) return undefined;
  return { kind: 'fetch', fetch: (request, environment) => value.fetch(request, environment) };
}

/** Whether a function makes what is served, instead of handling requests. */
function isMaker(exported: { readonly length: number }): boolean {
  if (exported.length === 0) return true;
  const source = Function.prototype.toString.call(exported);
  return /^(?:async\s*)?(?:function\b[^(]*)?\(\s*\{[^}]*\bdebug\b/.test(source);
}

/** Explains the mistake if a function that was meant to make an application is taken for a Fetch handler. */
function checkedFetch(fetch: ServedFetch, file: string): ServedFetch {
  return async (request, environment) => {
    const returned: unknown = await fetch(request, environment);
    if (!isApplication(returned)) return returned as Response;
    const problem = `the default export of ${file} has a parameter, so it was called as a Fetch handler, and returned an Application`;
    throw new TypeError(`${problem}; write "({ debug }) =>" if it makes the application`);
  };
}

/** CommonJS that was compiled from ESM has its default export in a property of `module.exports`. */
function defaultExportOf(namespace: object): unknown {
  const { default: exported } = namespace as { readonly default?: unknown };
  if (typeof exported !== 'object' || exported === null) return exported;
  if ('__esModule' in exported) return (exported as { readonly default?: unknown }).default;
  // What a CommonJS module without any export has.
  const isEmpty = 'module.exports' in namespace && Object.getPrototypeOf(exported) === Object.prototype;
  return isEmpty && Object.keys(exported).length === 0 ? undefined : exported;
}

/** Found by its shape, because the project may have another copy of the class. */
function isApplication(value: unknown): value is Application {
  if (typeof value !== 'object' || value === null) return false;
  const { listen, startRequest, findRoute } = value as Partial<Application>;
  return [listen, startRequest, findRoute].every((method) => typeof method === 'function');
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** Such as an application of Hono or h3. */
function hasFetch(value: unknown): value is { readonly fetch: ServedFetch } {
  return typeof (value as { readonly fetch?: unknown } | null | undefined)?.fetch === 'function';
}

/** Whether a function is an application of Express or Connect, which takes `(request, response, next)`. */
function isNodeHandler(value: object): boolean {
  const { handle, use } = value as { readonly handle?: unknown; readonly use?: unknown };
  return typeof handle === 'function' && typeof use === 'function';
}

function wrongExport(file: string, exported: unknown): CommandFailure {
  const problem = `the default export of ${file} must be ${EXPECTED}`;
  return new CommandFailure(`${problem}, got ${shownValue(exported)}${remedyFor(exported)}`);
}

function remedyFor(value: unknown): string {
  if (typeof value === 'function' && isClass(value)) return '; export an instance of the class';
  if (typeof value === 'function' && isNodeHandler(value))
    return "; export new Application([mount('/', new NodeContainer(app))])";
  if (typeof value !== 'object' || value === null) return '';
  if (value instanceof Response) return '; export the function that makes the response';
  if (typeof (value as { closeAll?: unknown }).closeAll === 'function')
    return '; export the application instead of its server';
  return Array.isArray(value) ? '; pass the routes to new Application' : '';
}
