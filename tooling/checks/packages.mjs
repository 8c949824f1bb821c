import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A package that is published.
 *
 * @typedef {object} PublishedPackage
 * @property {string} folder - its name under `packages/`.
 * @property {string} name
 * @property {string[]} doors - what programs may import, such as `landspout/web`.
 * @property {string[]} below - the packages of this repository that it depends on.
 */

/** @returns {PublishedPackage[]} */
export function publishedPackages() {
  return readdirSync(path.join(ROOT, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: folder }) => {
      const manifest = readManifest(folder);
      if (manifest === undefined || manifest.private === true) return [];
      const { name, publishConfig, dependencies = {} } = manifest;
      const doors = Object.keys(publishConfig?.exports ?? {})
        .filter((subpath) => !subpath.endsWith('.json'))
        .map((subpath) => path.posix.join(name, subpath));
      const below = Object.keys(dependencies).filter((one) => dependencies[one].startsWith('workspace:'));
      return [{ folder, name, doors, below }];
    });
}

/**
 * A package with everything of this repository that it needs, itself first.
 *
 * @param {PublishedPackage} own
 * @param {PublishedPackage[]} all
 */
export function withWhatIsBelow(own, all) {
  const found = new Set([own]);
  for (const one of found) {
    for (const name of one.below) {
      const other = all.find((candidate) => candidate.name === name);
      if (other === undefined) throw new Error(`${one.name} depends on ${name}, which is not published`);
      found.add(other);
    }
  }
  return [...found];
}

/** @param {string} folder @returns {Record<string, any> | undefined} */
function readManifest(folder) {
  try {
    return JSON.parse(readFileSync(path.join(ROOT, 'packages', folder, 'package.json'), 'utf8'));
  } catch (error) {
    // A folder without a manifest is what a removed package leaves behind, such as its node_modules.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}
