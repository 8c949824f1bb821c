import { existsSync } from 'node:fs';
import nodeModule from 'node:module';
import path from 'node:path';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { fileOfModule, isInstalled, missingFile } from './module-paths.ts';

/** A module that was resolved, or could not be. */
export type Resolution =
  | { readonly resolved: string }
  | { readonly specifier: string; readonly parent: string | undefined };

/** The parts of `node:module` that Node 20 does not have, or does not document. */
interface ModuleInternals {
  readonly registerHooks?: (hooks: {
    resolve(
      specifier: string,
      context: { readonly parentURL?: string },
      next: (specifier: string, context: object) => { readonly url: string },
    ): { readonly url: string };
  }) => void;
  _resolveFilename(
    request: string,
    parent: { readonly filename?: string } | undefined,
    ...rest: unknown[]
  ): string;
}

/**
 * Calls `use` once with the file of each module that this process imports or requires from now on, and with where a
 * module was looked for that does not exist.
 *
 * @param base - the URL of the built file beside which `resolve-hooks.js` is.
 * @param includeInstalled - whether files in node_modules are reported.
 * @returns a function that reports at once what has been loaded so far.
 */
export function reportModules(
  base: string,
  includeInstalled: boolean,
  use: (file: string) => void,
): () => void {
  const internals = nodeModule as unknown as ModuleInternals;
  const seen = new Set<string>();
  const report = (file: string | undefined, isMissing: boolean): void => {
    if (file === undefined || seen.has(file)) return;
    if (!isMissing && !includeInstalled && isInstalled(file)) return;
    seen.add(file);
    use(file);
  };
  const resolution = (one: Resolution): void => {
    if ('resolved' in one) report(fileOfModule(one.resolved), false);
    else report(missingFile(one.specifier, one.parent, packageFolderOf), true);
  };
  if (internals.registerHooks !== undefined) {
    internals.registerHooks({
      resolve(specifier, context, next) {
        try {
          const result = next(specifier, context);
          resolution({ resolved: result.url });
          return result;
        } catch (error) {
          resolution({ specifier, parent: context.parentURL });
          throw error;
        }
      },
    });
    return () => {};
  }
  wrapRequire(internals, resolution);
  return registerThread(base, resolution);
}

/** Node 20: modules that are required. They are resolved on this thread. */
function wrapRequire(internals: ModuleInternals, report: (one: Resolution) => void): void {
  const resolve = internals._resolveFilename;
  internals._resolveFilename = function (this: unknown, request, parent, ...rest) {
    try {
      const resolved = resolve.call(this, request, parent, ...rest);
      report({ resolved });
      return resolved;
    } catch (error) {
      report({ specifier: request, parent: parent?.filename });
      throw error;
    }
  };
}

/** Node 20: modules that are imported. They are resolved on a thread of their own, which reports them by a port. */
function registerThread(base: string, report: (one: Resolution) => void): () => void {
  const { port1, port2 } = new MessageChannel();
  nodeModule.register('./resolve-hooks.js', {
    parentURL: base,
    data: { port: port2 },
    transferList: [port2],
  });
  port1.on('message', report);
  port1.unref();
  return () => {
    for (let next = receiveMessageOnPort(port1); next !== undefined; next = receiveMessageOnPort(port1)) {
      report(next.message as Resolution);
    }
  };
}

/** The closest folder with a package.json, since a package is installed there. */
function packageFolderOf(file: string): string {
  const start = path.dirname(file);
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) return start;
  }
}
