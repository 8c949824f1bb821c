// `pnpm check:changesets`: the configuration fits the workspace, and every changeset names packages that exist. Not
// whether a change came with a changeset: that is for the reviewer, who knows whether users see it.
import getReleasePlan from '@changesets/get-release-plan';
import { ROOT } from './packages.mjs';

try {
  const { changesets, releases } = await getReleasePlan(ROOT);
  for (const { name, newVersion } of releases) console.log(`${name} would become ${newVersion}`);
  console.log(`${changesets.length} changesets for ${releases.length} packages`);
} catch (error) {
  console.error(`the changesets do not fit the workspace: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}
