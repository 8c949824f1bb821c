import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { shownValue } from '@landspout/ioloop/errors';
import type { Application } from '@landspout/web';
import type { ModuleArguments } from './application-arguments.ts';
import { typescriptLoader } from './typescript-support.ts';
import { CommandFailure } from './wrong-usage.ts';

/** What a function that makes the application is called with. */
export interface ApplicationOptions {
  /** True in `landspout dev`. */
  readonly debug: boolean;
}

const EXPECTED = 'an Application, or a function that returns one';

/**
 * Whether the source of a module seems to have a default export. If not, it is run as a program of its own; otherwise it
 * is imported. A mistake does no harm, unless the module asks whether it is the main one.
 */
export function seemsToExportDefault(source: string): boolean {
  return /\bexport\s+default\b|\bas\s+default\b|\bexports\b|\bexport\s*=/.test(source);
}

/**
 * Imports a module, and returns the application that is its default export.
 *
 * @param entry - the absolute path of the module.
 * @returns undefined if the module has no default export.
 * @throws CommandFailure if the default export is something else; whatever the module or its function throws.
 */
export async function importApplication(
  entry: string,
  options: ApplicationOptions,
): Promise<Application | undefined> {
  const namespace: object = await import(pathToFileURL(entry).href);
  return await applicationOf(namespace, path.basename(entry), options);
}

/**
 * Does all that a command other than `dev` needs: loads tsx if the module needs it, and imports the module with its
 * arguments in `process.argv`.
 *
 * @throws CommandFailure also if there is no default export; whatever the module or its function throws.
 */
export async function loadApplication({ entry, rest }: ModuleArguments): Promise<Application> {
  const loader = typescriptLoader(entry);
  process.argv = [...process.argv.slice(0, 2), ...rest];
  if (loader !== undefined) await import(loader);
  const application = await importApplication(entry, { debug: false });
  if (application !== undefined) return application;
  const file = path.basename(entry);
  const remedy = `write "export default" before it, or run ${file} with node if it is a program of its own`;
  throw new CommandFailure(`${file} has no default export; ${EXPECTED} was expected: ${remedy}`);
}

/** Like {@link importApplication}, for an imported module. @param file - the name of the module in messages. */
export async function applicationOf(
  namespace: object,
  file: string,
  options: ApplicationOptions,
): Promise<Application | undefined> {
  const exported = defaultExportOf(namespace);
  if (exported === undefined) return undefined;
  if (isApplication(exported)) return exported;
  if (typeof exported !== 'function' || isClass(exported) || hasFetch(exported))
    throw wrongExport(file, exported);
  const made: unknown = await exported(options);
  if (isApplication(made)) return made;
  const problem = `the function that ${file} exports by default must return an Application`;
  throw new CommandFailure(`${problem}, got ${shownValue(made)}${remedyFor(made)}`);
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

function hasFetch(value: unknown): boolean {
  return typeof (value as { readonly fetch?: unknown } | null | undefined)?.fetch === 'function';
}

function wrongExport(file: string, exported: unknown): CommandFailure {
  const problem = `the default export of ${file} must be ${EXPECTED}`;
  return new CommandFailure(`${problem}, got ${shownValue(exported)}${remedyFor(exported)}`);
}

function remedyFor(value: unknown): string {
  if (typeof value === 'function' && isClass(value)) return '; export an instance of the class';
  if (hasFetch(value)) return '; Fetch handlers are not supported yet';
  if (typeof value !== 'object' || value === null) return '';
  if (value instanceof Response) return '; Fetch handlers are not supported yet';
  if (typeof (value as { closeAll?: unknown }).closeAll === 'function')
    return '; export the application instead of its server';
  return Array.isArray(value) ? '; pass the routes to new Application' : '';
}
