import { parseModule, visit } from '../syntax/syntax-tree.mjs';

/**
 * Error tables as they stand in the sources: `const …_ERRORS = { ERR_LAYER_WHAT: { meaning: '…' } } as const`, of any
 * name, and the classes `extends CodedError<codes>` that carry their codes.
 *
 * @typedef {import('../syntax/syntax-tree.mjs').Node} Node
 *
 * @typedef {object} ErrorTable
 * @property {string} name - of the constant.
 * @property {string} about - its comment.
 * @property {Map<string, Record<string, string>>} codes - the facts of each code.
 *
 * @typedef {object} ErrorSources
 * @property {ErrorTable[]} tables
 * @property {Map<string, string[]>} classes - the codes that each class may carry.
 */

/**
 * @param {ReadonlyArray<{ file: string, source: string }>} modules - the sources of one package.
 * @returns {ErrorSources}
 */
export function readErrorTables(modules) {
  /** @type {ErrorTable[]} */
  const tables = [];
  /** @type {Map<string, Node>} Type aliases by name: a package does not use one name for two. */
  const aliases = new Map();
  /** @type {Array<{ name: string, base: string, codes: Node }>} */
  const classes = [];
  for (const { file, source } of modules) {
    const { program, comments } = parseModule(file, source);
    visit(program, (node) => {
      if (node.type === 'TSTypeAliasDeclaration') aliases.set(node.id.name, node.typeAnnotation);
      if (node.type === 'ClassDeclaration' && node.superClass?.name?.endsWith('Error')) {
        const codes = defaultOf(node, node.superTypeArguments?.params[0]);
        if (codes !== undefined) classes.push({ name: node.id.name, base: node.superClass.name, codes });
      }
      if (node.type !== 'VariableDeclarator') return;
      const codes = codesOf(node.init, source);
      if (codes !== undefined)
        tables.push({ name: node.id.name, about: commentBefore(node, source, comments), codes });
    });
  }
  const resolve = codeResolver(tables, aliases);
  const carried = new Map(classes.map(({ name, codes }) => [name, resolve(codes)]));
  // A base class stands for the codes that none of its subclasses has.
  for (const { name, base } of classes) {
    const own = carried.get(name) ?? [];
    const rest = carried.get(base)?.filter((code) => !own.includes(code));
    if (rest !== undefined) carried.set(base, rest);
  }
  return { tables, classes: carried };
}

/** The codes of a class that has a type parameter for them: its default. @param {Node} node @param {Node} codes */
function defaultOf(node, codes) {
  const params = node.typeParameters?.params ?? [];
  const own = params.find((/** @type {Node} */ { name }) => name.name === codes?.typeName?.name);
  return own === undefined ? codes : own.default;
}

/**
 * @param {Node | null} init
 * @param {string} source
 * @returns {ErrorTable['codes'] | undefined} `undefined` when it is no table of errors.
 */
function codesOf(init, source) {
  const table = unwrap(init);
  if (table?.type !== 'ObjectExpression' || table.properties.length === 0) return undefined;
  /** @type {ErrorTable['codes']} */
  const codes = new Map();
  for (const property of table.properties) {
    const code = property.key?.name ?? property.key?.value;
    const facts = unwrap(property.value);
    if (!/^ERR_/.test(code) || facts?.type !== 'ObjectExpression') return undefined;
    codes.set(code, factsOf(facts, source));
  }
  return codes;
}

/** @param {Node} object @param {string} source */
function factsOf(object, source) {
  const entries = object.properties.map((/** @type {Node} */ { key, value }) => {
    const { start, end } = value;
    // What is no plain literal, such as a list or a regular expression, is shown as it is written.
    return [key.name ?? key.value, String(textOf(value) ?? source.slice(start, end))];
  });
  return Object.fromEntries(entries);
}

/** @param {Node} node @returns {string | number | undefined} */
function textOf(node) {
  if (node.type === 'Literal') return node.value;
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0].value.cooked;
  if (node.type !== 'BinaryExpression' || node.operator !== '+') return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined || right === undefined ? undefined : `${left}${right}`;
}

/** Looks under `as const` and `satisfies`. @param {Node | null | undefined} node @returns {Node | null | undefined} */
function unwrap(node) {
  return node?.type === 'TSAsExpression' || node?.type === 'TSSatisfiesExpression'
    ? unwrap(node.expression)
    : node;
}

/**
 * Makes what names the codes of a type: a literal, a union, `keyof typeof TABLE`, an alias, `Exclude` or `Extract`.
 *
 * @param {ErrorTable[]} tables
 * @param {Map<string, Node>} aliases
 */
function codeResolver(tables, aliases) {
  /** @param {Node} type @returns {string[]} */
  const resolve = (type) => {
    switch (type.type) {
      case 'TSLiteralType':
        return [type.literal.value];
      case 'TSUnionType':
        return type.types.flatMap(resolve);
      case 'TSTypeOperator': {
        const name = type.typeAnnotation.exprName?.name;
        return [...(tables.find((table) => table.name === name)?.codes.keys() ?? [])];
      }
      case 'TSTypeReference': {
        const { typeName, typeArguments } = type;
        const [all = [], some = []] = (typeArguments?.params ?? []).map(resolve);
        if (typeName.name === 'Exclude')
          return all.filter((/** @type {string} */ code) => !some.includes(code));
        if (typeName.name === 'Extract')
          return all.filter((/** @type {string} */ code) => some.includes(code));
        const alias = aliases.get(typeName.name);
        return alias === undefined ? [] : resolve(alias);
      }
      default:
        return [];
    }
  };
  return resolve;
}

/**
 * The comment that ends right before a declaration, without its decoration.
 *
 * @param {Node} declarator
 * @param {string} source
 * @param {import('../syntax/syntax-tree.mjs').Comment[]} comments
 */
function commentBefore(declarator, source, comments) {
  const comment = comments.findLast(({ end }) => end <= declarator.start);
  const between = comment === undefined ? '' : source.slice(comment.end, declarator.start);
  if (comment === undefined || !/^\s*(export\s+)?const\s+$/.test(between)) return '';
  return comment.value
    .replaceAll(/^\s*\*+/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
