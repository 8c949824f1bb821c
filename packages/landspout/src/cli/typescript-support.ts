import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandFailure } from './wrong-usage.ts';

/** The kinds of TypeScript files whose types Node can strip. */
const STRIPPED = /\.[cm]?ts$/;
const TYPESCRIPT = /\.([cm]?ts|tsx)$/;

/**
 * Finds what a module needs to be run.
 *
 * @param entry - the absolute path of the module.
 * @param stripsTypes - whether Node itself runs TypeScript.
 * @returns the URL of tsx, to be imported before the module; undefined if Node runs the module by itself.
 * @throws CommandFailure if it needs tsx, and the project does not have it.
 */
export function typescriptLoader(entry: string, stripsTypes = nodeStripsTypes()): string | undefined {
  if (!TYPESCRIPT.test(entry) || (stripsTypes && STRIPPED.test(entry))) return undefined;
  try {
    return pathToFileURL(createRequire(entry).resolve('tsx')).href;
  } catch (cause) {
    const why = stripsTypes
      ? 'Node does not run .tsx files'
      : `Node ${process.versions.node} does not run TypeScript`;
    const remedy = 'install tsx in the project with: npm i -D tsx';
    throw new CommandFailure(`${path.basename(entry)}: ${why}; ${remedy}`, { cause });
  }
}

function nodeStripsTypes(): boolean {
  return Boolean((process.features as { readonly typescript?: string | false }).typescript);
}
