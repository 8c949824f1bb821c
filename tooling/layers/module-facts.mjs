import { parseModule, visit } from '../syntax/syntax-tree.mjs';

/**
 * What one TypeScript module says of itself: what it imports, which ambient powers it uses, and what state it keeps.
 *
 * A checker of our own, because dependency-cruiser reads no `.ts` file under TypeScript 7, and sees no clocks.
 *
 * @typedef {object} ImportFact
 * @property {string} specifier
 * @property {boolean} typeOnly - true when nothing of it is left at run time.
 * @property {number} line
 *
 * @typedef {object} PowerFact
 * @property {string} power - such as `Date.now` or `setTimeout`.
 * @property {number} line
 *
 * @typedef {object} StateFact
 * @property {string} name - of a variable of the module or a static field that can change while the program runs.
 * @property {number} line
 *
 * @typedef {{ imports: ImportFact[], powers: PowerFact[], state: StateFact[] }} ModuleFacts
 *
 * @typedef {import('../syntax/syntax-tree.mjs').Node} Node
 */

/** Globals that reach the clock, the process, the outside world or chance. */
const AMBIENT = new Set([
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
  ...['queueMicrotask', 'process', 'performance', 'Promise', 'globalThis', 'global', 'console'],
  ...['fetch', 'crypto', 'AbortSignal', 'AbortController'],
]);

/** Members of harmless globals that are not harmless. */
const AMBIENT_MEMBERS = new Set(['Date.now', 'Math.random']);

/**
 * Reads one module.
 *
 * @param {string} file - its name; the ending chooses the language.
 * @param {string} source - its text.
 * @returns {ModuleFacts}
 * @throws Error when the text does not parse: then nothing can be said of it.
 */
export function readModule(file, source) {
  const { program } = parseModule(file, source);
  /** @type {ModuleFacts} */
  const facts = { imports: [], powers: [], state: [] };
  const lineOf = lineFinder(source);
  for (const { name, start } of stateOf(program)) facts.state.push({ name, line: lineOf(start) });
  visit(program, (node, parent, key) => {
    const line = lineOf(node.start);
    const imported = importOf(node);
    if (imported !== undefined) facts.imports.push({ ...imported, line });
    const power = powerOf(node, parent, key);
    if (power !== undefined) facts.powers.push({ power, line });
  });
  return facts;
}

/** @param {Node} node @returns {{ specifier: string, typeOnly: boolean } | undefined} */
function importOf(node) {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      if (!node.source) return undefined;
      return { specifier: node.source.value, typeOnly: isTypeOnly(node) };
    case 'ImportExpression':
      // A specifier that is computed at run time cannot be judged, so it is reported as one that nobody may import.
      return { specifier: node.source.value ?? '(computed)', typeOnly: false };
    case 'TSImportType':
      return { specifier: node.source.value, typeOnly: true };
    case 'TSExternalModuleReference':
      return { specifier: node.expression.value, typeOnly: false };
    default:
      return undefined;
  }
}

/** @param {Node} node */
function isTypeOnly(node) {
  if (node.importKind === 'type' || node.exportKind === 'type') return true;
  const names = node.specifiers ?? [];
  return (
    names.length > 0 &&
    names.every((/** @type {Node} */ name) => name.importKind === 'type' || name.exportKind === 'type')
  );
}

/**
 * @param {Node} node
 * @param {Node | undefined} parent
 * @param {string} key - the parent's property that holds the node.
 * @returns {string | undefined}
 */
function powerOf(node, parent, key) {
  switch (node.type) {
    case 'Identifier':
      return AMBIENT.has(node.name) && !isPropertyName(parent, key) ? node.name : undefined;
    case 'MemberExpression': {
      const name = `${node.object.name}.${node.computed ? node.property.value : node.property.name}`;
      return AMBIENT_MEMBERS.has(name) ? name : undefined;
    }
    case 'NewExpression':
      return node.callee.name === 'Date' && node.arguments.length === 0 ? 'new Date()' : undefined;
    case 'CallExpression':
      return node.callee.name === 'Date' ? 'Date()' : undefined;
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return node.async ? 'async' : undefined;
    case 'AwaitExpression':
      return 'await';
    default:
      return node.await === true ? 'for await' : undefined;
  }
}

/**
 * Whether an identifier only names a member, as in `this.process` or `{ process: 1 }`, and reads no global.
 *
 * @param {Node | undefined} parent
 * @param {string} key
 */
function isPropertyName(parent, key) {
  if (parent === undefined || parent.computed === true) return false;
  if (parent.shorthand === true) return false;
  return key === 'property' || key === 'key';
}

/**
 * The variables of a module and the static fields of its classes that are more than constants.
 *
 * @param {Node} program
 * @returns {{ name: string, start: number }[]}
 */
function stateOf(program) {
  return program.body.flatMap((/** @type {Node} */ statement) => {
    /** @type {Node} */
    const declared = statement.declaration ?? statement;
    if (declared.type === 'VariableDeclaration') {
      /** @type {Node[]} */
      const variables = declared.declarations;
      return variables
        .filter(({ id, init }) => declared.kind !== 'const' || mayChange(init, id.typeAnnotation))
        .map(({ id, start }) => ({ name: String(id.name), start }));
    }
    if (declared.type !== 'ClassDeclaration') return [];
    /** @type {Node[]} */
    const members = declared.body.body;
    return members
      .filter((member) => member.type === 'PropertyDefinition' && member.static)
      .filter((field) => !field.readonly || mayChange(field.value, field.typeAnnotation))
      .map(({ key, start }) => ({ name: `${declared.id?.name}.${key.name}`, start }));
  });
}

/** Collections that are constants if their type says so, by the names of such types. */
const READONLY_TYPES = new Set(['ReadonlyMap', 'ReadonlySet', 'ReadonlyArray', 'Readonly']);

/**
 * Whether an initial value is a collection that entries can be added to: a Map or Set without a readonly type, an empty
 * array or object, and always a WeakMap or WeakSet, which nothing but a cache needs.
 *
 * @param {Node | null} value
 * @param {Node | null} annotation
 */
function mayChange(value, annotation) {
  const made = firstOf(value);
  if (made === undefined) return false;
  if (made.type === 'NewExpression' && /^Weak(Map|Set)$/.test(made.callee.name)) return true;
  const isCollection =
    (made.type === 'NewExpression' && /^(Map|Set|Array)$/.test(made.callee.name)) ||
    (made.type === 'ArrayExpression' && made.elements.length === 0) ||
    (made.type === 'ObjectExpression' && made.properties.length === 0);
  if (!isCollection) return false;
  const type = annotation?.typeAnnotation;
  return !(type?.operator === 'readonly' || READONLY_TYPES.has(type?.typeName?.name));
}

/** What an expression such as `new Array(8).fill('') as string[]` begins with. @param {Node | null} value */
function firstOf(value) {
  let node = value ?? undefined;
  for (;;) {
    if (node?.type === 'TSAsExpression' || node?.type === 'TSSatisfiesExpression') node = node.expression;
    else if (node?.type === 'CallExpression' && node.callee.type === 'MemberExpression')
      node = node.callee.object;
    else return node;
  }
}

/** @param {string} source @returns {(offset: number) => number} */
function lineFinder(source) {
  return (offset) => {
    let line = 1;
    for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1))
      line += 1;
    return line;
  };
}
