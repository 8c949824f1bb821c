import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkRooms } from './check-rooms.mjs';
import { findCycles } from './find-cycles.mjs';
import { LAYERS, PROTOCOL_BASES, PROTOCOL_IMPORTS, PROTOCOL_STATE, packageName } from './layers.mjs';
import { readModule } from './module-facts.mjs';

/**
 * One way in which a tree breaks the order of the layers.
 *
 * @typedef {object} Problem
 * @property {'upward' | 'sibling' | 'cycle' | 'protocol' | 'protocol-base' | 'manifest' | 'tsconfig' | 'door' | 'list' | 'room'} rule
 * @property {string} where - file and line, from the root.
 * @property {string} message
 *
 * @typedef {object} Package
 * @property {string} folder
 * @property {string} name
 * @property {number} row - its place in the list; higher is further up.
 * @property {Record<string, any>} manifest
 *
 * @typedef {import('./module-facts.mjs').ModuleFacts & { file: string }} SourceModule
 */

const isTest = (/** @type {string} */ file) => file.endsWith('.test.ts') || /\/test\//.test(file);

/**
 * Holds a tree of packages against the list of layers.
 *
 * @param {string} root - the folder that has `packages/`.
 * @param {Readonly<Record<string, import('./rooms.mjs').Rooms>>} [rooms] - of packages whose rooms are checked.
 * @returns {Problem[]} everything that is wrong, in the order of the list; empty when all is well.
 */
export function checkLayers(root, rooms = {}) {
  /** @type {Problem[]} */
  const problems = [];
  const packages = readPackages(root, problems);
  for (const own of packages.values()) {
    checkManifest(own, packages, problems);
    checkTsconfigs(root, own, packages, problems);
    const modules = readSources(root, own);
    for (const module of modules) {
      for (const found of module.imports) checkImport(own, module, found, packages, problems);
      if (isProtocol(own, module.file)) checkProtocol(own, module, problems);
      if (PROTOCOL_BASES.includes(module.file)) checkProtocolBase(module, problems);
    }
    checkCycles(modules, problems);
    const ownRooms = rooms[own.folder];
    if (ownRooms === undefined) continue;
    const sources = modules.filter(({ file }) => !isTest(file));
    problems.push(...checkRooms(own.folder, sources, ownRooms));
  }
  return problems;
}

/** @param {string} root @param {Problem[]} problems */
function readPackages(root, problems) {
  /** @type {Map<string, Package>} */
  const packages = new Map();
  const folders = readdirSync(path.join(root, 'packages')).filter((folder) =>
    existsSync(path.join(root, 'packages', folder, 'package.json')),
  );
  const listed = LAYERS.flat();
  for (const folder of folders.filter((one) => !listed.includes(one))) {
    problems.push({
      rule: 'list',
      where: `packages/${folder}`,
      message: 'is a package without a layer: add it to LAYERS',
    });
  }
  for (const [row, names] of LAYERS.entries()) {
    for (const folder of names.filter((name) => folders.includes(name))) {
      const manifest = JSON.parse(readFileSync(path.join(root, 'packages', folder, 'package.json'), 'utf8'));
      const name = packageName(folder);
      packages.set(name, { folder, name, row, manifest });
      if (manifest.name === name) continue;
      problems.push({
        rule: 'list',
        where: `packages/${folder}`,
        message: `is named ${manifest.name}, not ${name}`,
      });
    }
  }
  return packages;
}

/**
 * A manifest may name only packages below, in every section: a development dependency upward would also make the
 * order of the builds a cycle.
 *
 * @param {Package} own @param {Map<string, Package>} packages @param {Problem[]} problems
 */
function checkManifest(own, packages, problems) {
  for (const section of ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']) {
    for (const name of Object.keys(own.manifest[section] ?? {})) {
      const other = packages.get(name);
      if (other === undefined || other.row < own.row) continue;
      const where = `packages/${own.folder}/package.json`;
      problems.push({
        rule: 'manifest',
        where,
        message: `${section} names ${name}, which is not below ${own.name}`,
      });
    }
  }
}

/**
 * The packages find each other through their manifests alone: no `paths`, and a reference only downward.
 *
 * @param {string} root @param {Package} own @param {Map<string, Package>} packages @param {Problem[]} problems
 */
function checkTsconfigs(root, own, packages, problems) {
  for (const file of ['tsconfig.json', 'tsconfig.build.json']) {
    const where = `packages/${own.folder}/${file}`;
    if (!existsSync(path.join(root, where))) continue;
    const config = JSON.parse(readFileSync(path.join(root, where), 'utf8'));
    if (config.compilerOptions?.paths !== undefined) {
      problems.push({ rule: 'tsconfig', where, message: 'has `paths`, which go around the manifests' });
    }
    for (const reference of config.references ?? []) {
      const folder = path.basename(path.resolve(root, 'packages', own.folder, reference.path));
      const other = [...packages.values()].find((one) => one.folder === folder);
      if (other !== undefined && other.row < own.row) continue;
      problems.push({
        rule: 'tsconfig',
        where,
        message: `references ${reference.path}, which is not below ${own.name}`,
      });
    }
  }
}

/**
 * @param {Package} own
 * @param {SourceModule} module
 * @param {import('./module-facts.mjs').ImportFact} found
 * @param {Map<string, Package>} packages
 * @param {Problem[]} problems
 */
function checkImport(own, module, found, packages, problems) {
  const where = `${module.file}:${found.line}`;
  const report = (/** @type {Problem['rule']} */ rule, /** @type {string} */ message) =>
    problems.push({ rule, where, message });
  if (found.specifier.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(module.file), found.specifier);
    if (isInside(target, `packages/${own.folder}`) || isTest(module.file)) return;
    report('door', `reaches out of its package to ${found.specifier}`);
    return;
  }
  const [name, subpath] = splitSpecifier(found.specifier);
  const other = packages.get(name);
  if (other === undefined) return;
  if (other === own) {
    // Tests come through the public door; a source that does so would import itself through its index.
    if (!isTest(module.file)) report('cycle', `imports its own package by name (${found.specifier})`);
    return;
  }
  if (other.row > own.row) report('upward', `${own.name} imports ${name}, which is above it`);
  else if (other.row === own.row) report('sibling', `${own.name} imports its sibling ${name}`);
  else if (!isDeclared(own, name, isTest(module.file)))
    report('manifest', `imports ${name} without declaring it`);
  if (!(subpath in (other.manifest.exports ?? {}))) report('door', `${name} has no door ${subpath}`);
}

/** @param {Package} own @param {SourceModule} module @param {Problem[]} problems */
function checkProtocol(own, module, problems) {
  const floor = `packages/${own.folder}/src/protocol`;
  for (const { specifier, line } of module.imports) {
    const target = path.posix.join(path.posix.dirname(module.file), specifier);
    const allowed = specifier.startsWith('.')
      ? isInside(target, floor)
      : PROTOCOL_IMPORTS.includes(specifier);
    if (allowed) continue;
    const message = `the protocol floor imports ${specifier}; it may import itself, ${PROTOCOL_IMPORTS.join(' and ')}`;
    problems.push({ rule: 'protocol', where: `${module.file}:${line}`, message });
  }
  for (const { power, line } of module.powers) {
    const message = `the protocol floor uses ${power}; time, chance and waiting are its caller's`;
    problems.push({ rule: 'protocol', where: `${module.file}:${line}`, message });
  }
  const known = new Set(PROTOCOL_STATE.filter((entry) => entry.startsWith(`${module.file}#`)));
  for (const { name, line } of module.state) {
    if (known.delete(`${module.file}#${name}`)) continue;
    const message = `the protocol floor keeps state in ${name}; give a constant a readonly type, and pass a cache in`;
    problems.push({ rule: 'protocol', where: `${module.file}:${line}`, message });
  }
  for (const entry of known) {
    const message = `known state is gone: delete ${entry} from PROTOCOL_STATE`;
    problems.push({ rule: 'protocol', where: module.file, message });
  }
}

/** @param {SourceModule} module @param {Problem[]} problems */
function checkProtocolBase(module, problems) {
  for (const { specifier, line } of module.imports) {
    if (PROTOCOL_BASES.includes(path.posix.join(path.posix.dirname(module.file), specifier))) continue;
    problems.push({
      rule: 'protocol-base',
      where: `${module.file}:${line}`,
      message: `a base of the protocol floors imports ${specifier}`,
    });
  }
}

/**
 * Type-only imports do not count: they are gone at run time, and two classes of one package may name each other.
 *
 * @param {SourceModule[]} modules @param {Problem[]} problems
 */
function checkCycles(modules, problems) {
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const { file, imports } of modules.filter((module) => !isTest(module.file))) {
    const local = imports.filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly);
    graph.set(
      file,
      local.map(({ specifier }) => path.posix.join(path.posix.dirname(file), specifier)),
    );
  }
  for (const cycle of findCycles(graph)) {
    const names = cycle.map((file) => path.posix.basename(file)).join(' → ');
    problems.push({ rule: 'cycle', where: String(cycle[0]), message: `modules import each other: ${names}` });
  }
}

/** @param {string} root @param {Package} own @returns {SourceModule[]} */
function readSources(root, own) {
  return ['src', 'test'].flatMap((part) => {
    const folder = path.join(root, 'packages', own.folder, part);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.m?ts$/.test(file))
      .sort()
      .map((file) => {
        const source = readFileSync(path.join(folder, file), 'utf8');
        const name = path.posix.join('packages', own.folder, part, file.replaceAll('\\', '/'));
        return { file: name, ...readModule(file, source) };
      });
  });
}

const isProtocol = (/** @type {Package} */ own, /** @type {string} */ file) =>
  isInside(file, `packages/${own.folder}/src/protocol`) && !isTest(file);

const isInside = (/** @type {string} */ file, /** @type {string} */ folder) => file.startsWith(`${folder}/`);

/** @param {Package} own @param {string} name @param {boolean} inTest */
function isDeclared(own, name, inTest) {
  const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = own.manifest;
  return name in dependencies || name in peerDependencies || (inTest && name in devDependencies);
}

/** Splits `@scope/name/sub` into the package and its door. @param {string} specifier @returns {[string, string]} */
function splitSpecifier(specifier) {
  const parts = specifier.split('/');
  const name = parts.splice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  return [name, ['.', ...parts].join('/')];
}
