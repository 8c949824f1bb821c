import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseModule, visit } from '../syntax/syntax-tree.mjs';

/**
 * What an exported name refers to: a declaration in the same package, an export of another package, or a namespace.
 *
 * @typedef {{ kind: 'declared', module: DeclarationModule, name: string, typeOnly?: boolean }} Declared
 * @typedef {{ kind: 'foreign', from: string, name: string }} Foreign - `name` is `*` for all of them.
 * @typedef {{ kind: 'namespace', exports: Exports }} Namespace
 * @typedef {Declared | Foreign | Namespace} Export
 * @typedef {Map<string, Export>} Exports
 *
 * @typedef {object} DeclarationModule
 * @property {string} file
 * @property {string} text - the source with every comment blanked out, so that offsets stay valid.
 * @property {readonly Node[]} statements
 *
 * @typedef {import('../syntax/syntax-tree.mjs').Node} Node
 */

/** Follows the exports of `.d.ts` files, within a package and from one package of ours to another. */
export class ExportReader {
  /** @type {Map<string, DeclarationModule>} */
  #modules = new Map();
  #doors;

  /** @param {ReadonlyMap<string, string>} doors - the declaration file of each entry point, such as `@landspout/http1`. */
  constructor(doors) {
    this.#doors = doors;
  }

  /**
   * Everything that one module exports.
   *
   * @param {string} file - a `.d.ts` file.
   * @returns {Exports}
   * @throws Error if an export cannot be resolved.
   */
  read(file) {
    const module = this.#load(file);
    /** @type {Exports} */
    const found = new Map();
    /** @type {Exports} */
    const fromStars = new Map();
    for (const statement of module.statements) {
      const typeOnly = statement.exportKind === 'type';
      if (statement.type === 'ExportAllDeclaration') {
        const all = this.#all(module, statement.source.value);
        if (statement.exported) found.set(nameOf(statement.exported), all);
        else for (const [name, one] of this.#spread(all)) fromStars.set(name, withTypeOnly(one, typeOnly));
      } else if (statement.type === 'ExportDefaultDeclaration') {
        const { id, name = id?.name ?? 'default' } = statement.declaration;
        found.set('default', this.#local(module, name));
      } else if (statement.type === 'ExportNamedDeclaration') {
        for (const name of declaredNames(statement)) found.set(name, this.#local(module, name));
        for (const one of statement.specifiers) {
          const local = nameOf(one.local);
          const target = statement.source
            ? this.#named(module, statement.source.value, local)
            : this.#local(module, local);
          found.set(nameOf(one.exported), withTypeOnly(target, typeOnly || one.exportKind === 'type'));
        }
      }
    }
    fromStars.delete('default');
    return new Map([...fromStars, ...found]);
  }

  /**
   * What the types of these exports refer to without being exported: base classes above all, whose members are as
   * public as the rest.
   *
   * @param {Iterable<Export>} exports - all of a package.
   * @returns {Declared[]}
   */
  findHidden(exports) {
    const keyOf = (/** @type {Declared} */ { module, name }) => `${module.file} ${name}`;
    const shown = [...exports].flatMap(declaredIn);
    const seen = new Set(shown.map(keyOf));
    /** @type {Declared[]} */
    const hidden = [];
    for (let next = shown.pop(); next !== undefined; next = shown.pop()) {
      const { module } = next;
      for (const name of declarationsOf(next).flatMap(referredNames)) {
        const target = this.#local(module, name);
        if (target.kind !== 'declared' || seen.has(keyOf(target)) || !declarationsOf(target).length) continue;
        seen.add(keyOf(target));
        hidden.push({ ...target, typeOnly: false });
        shown.push(target);
      }
    }
    return hidden;
  }

  /** @param {string} file @returns {DeclarationModule} */
  #load(file) {
    const known = this.#modules.get(file);
    if (known !== undefined) return known;
    let text = readFileSync(file, 'utf8');
    const { program, comments } = parseModule(file, text);
    for (const { start, end } of comments) {
      text = text.slice(0, start) + ' '.repeat(end - start) + text.slice(end);
    }
    const module = { file, text, statements: program.body };
    this.#modules.set(file, module);
    return module;
  }

  /**
   * A name of the module's own scope: declared there, or imported.
   *
   * @param {DeclarationModule} module @param {string} name @returns {Export}
   */
  #local(module, name) {
    for (const { type, specifiers, source, importKind } of module.statements) {
      if (type !== 'ImportDeclaration') continue;
      const one = specifiers.find((/** @type {Node} */ { local }) => local.name === name);
      if (one === undefined) continue;
      if (one.type === 'ImportNamespaceSpecifier') return this.#all(module, source.value);
      const imported = one.type === 'ImportDefaultSpecifier' ? 'default' : nameOf(one.imported);
      const typeOnly = importKind === 'type' || one.importKind === 'type';
      return withTypeOnly(this.#named(module, source.value, imported), typeOnly);
    }
    return { kind: 'declared', module, name };
  }

  /** @param {DeclarationModule} module @param {string} specifier @param {string} name @returns {Export} */
  #named(module, specifier, name) {
    const all = this.#all(module, specifier);
    if (all.kind === 'foreign' && !this.#doors.has(all.from)) return { ...all, name };
    const found = this.#spread(all).get(name);
    if (found === undefined) throw new Error(`${module.file}: ${specifier} does not export ${name}`);
    return found;
  }

  /** Another module as a whole. @param {DeclarationModule} module @param {string} specifier */
  #all(module, specifier) {
    if (!specifier.startsWith('.'))
      return /** @type {Foreign} */ ({ kind: 'foreign', from: specifier, name: '*' });
    const file = path.join(path.dirname(module.file), specifier.replace(/(\.d)?\.[jt]s$/, '.d.ts'));
    return /** @type {Namespace} */ ({ kind: 'namespace', exports: this.read(file) });
  }

  /**
   * The names in a whole module. Those of another package keep the package that declares them, however many packages
   * they pass through.
   *
   * @param {Foreign | Namespace} all @returns {Exports}
   */
  #spread(all) {
    if (all.kind === 'namespace') return all.exports;
    const door = this.#doors.get(all.from);
    if (door === undefined) throw new Error(`export * from '${all.from}': its names are unknown here`);
    const { from } = all;
    const exports = [...this.read(door)];
    return new Map(
      exports.map(([name, one]) => [name, one.kind === 'foreign' ? one : { kind: 'foreign', from, name }]),
    );
  }
}

/** The statements of one name: several for overloads, or for an interface beside a constant. @param {Declared} found */
export const declarationsOf = ({ module, name }) =>
  module.statements.filter((statement) => declaredNames(statement).includes(name));

/** @param {Export} one @returns {Declared[]} */
function declaredIn(one) {
  if (one.kind === 'namespace') return [...one.exports.values()].flatMap(declaredIn);
  return one.kind === 'declared' ? [one] : [];
}

/** The types, and the values after `typeof` and `extends`, that a declaration names. @param {Node} declaration */
function referredNames(declaration) {
  /** @type {string[]} */
  const names = [];
  visit(declaration, (node, _, key) => {
    const refers = key === 'typeName' || key === 'exprName' || key === 'superClass' || key === 'expression';
    if (refers && node.type === 'Identifier') names.push(node.name);
  });
  return names;
}

/** The names that a statement declares itself. @param {Node} statement @returns {string[]} */
function declaredNames(statement) {
  const declaration = statement.declaration ?? statement;
  const declarators = declaration.declarations ?? [declaration];
  return declarators.flatMap((/** @type {Node} */ { id }) => id?.name ?? []);
}

/** A name is an identifier or, as in `export { x as 'y' }`, a string. @param {Node} node @returns {string} */
const nameOf = (node) => node.name ?? node.value;

/** @param {Export} one @param {boolean} typeOnly @returns {Export} */
const withTypeOnly = (one, typeOnly) => (typeOnly && one.kind === 'declared' ? { ...one, typeOnly } : one);
