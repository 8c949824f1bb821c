// `pnpm tarballs FOLDER`: packs every package into a folder, so that a program can install them before there is a release.
import path from 'node:path';
import { packAll } from './consumer.mjs';
import { publishedPackages } from './packages.mjs';

const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined || rest.length > 0) {
  console.error('usage: pnpm tarballs FOLDER, such as ../landspout-tarballs');
  process.exit(2);
}
const target = path.resolve(folder);
for (const tarball of packAll(publishedPackages(), target).values()) console.log(tarball);
console.log(`\ninstall them with: npm install ${path.join(target, '*.tgz')}`);
