import { parseModule, visit } from '../syntax/syntax-tree.mjs';

/** How many counters there are: a power of two, as the pair of two branches is hashed into it. */
export const COUNTERS = 1 << 16;

const LOOPS = new Set([
  'WhileStatement',
  'DoWhileStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
]);

/**
 * Makes every branch of a module count itself: `__branch(n)` at the start of each block, case, arm of a condition and
 * right side of `&&`, `||` and `??`.
 *
 * @param {string} file
 * @param {string} code - JavaScript.
 * @param {() => number} nextBranch - gives each branch its number.
 */
export function instrument(file, code, nextBranch) {
  /** @type {Array<{ at: number, text: string, order: number }>} */
  const insertions = [];
  const insert = (/** @type {number} */ at, /** @type {string} */ text) => {
    insertions.push({ at, text, order: insertions.length });
  };
  const mark = () => `__branch(${nextBranch()})`;
  const statement = (/** @type {any} */ node) => {
    if (node === null || node === undefined) return;
    if (node.type === 'BlockStatement') return insert(node.start + 1, `${mark()};`);
    insert(node.start, `{${mark()};`);
    insert(node.end, '}');
  };
  const expression = (/** @type {any} */ node) => {
    insert(node.start, `(${mark()},(`);
    insert(node.end, '))');
  };
  visit(parseModule(file.replace(/\.ts$/, '.js'), code).program, (node) => {
    if (node.type === 'IfStatement') {
      statement(node.consequent);
      statement(node.alternate);
    } else if (LOOPS.has(node.type)) {
      statement(node.body);
    } else if (node.type === 'SwitchCase') {
      if (node.consequent[0] !== undefined) insert(node.consequent[0].start, `${mark()};`);
    } else if (node.type === 'ConditionalExpression') {
      expression(node.consequent);
      expression(node.alternate);
    } else if (node.type === 'LogicalExpression') {
      expression(node.right);
    } else if (/Function/.test(node.type) && node.body?.type === 'BlockStatement') {
      statement(node.body);
    }
  });
  return applied(code, insertions);
}

/**
 * Closing text of an inner node comes before that of an outer one, which was seen earlier; opening text after it.
 *
 * @param {string} code
 * @param {Array<{ at: number, text: string, order: number }>} insertions
 */
function applied(code, insertions) {
  const closes = (/** @type {{ text: string }} */ { text }) => text === '}' || text === '))';
  insertions.sort((a, b) => {
    if (a.at !== b.at) return a.at - b.at;
    if (closes(a) !== closes(b)) return closes(a) ? -1 : 1;
    return closes(a) ? b.order - a.order : a.order - b.order;
  });
  let result = '';
  let from = 0;
  for (const { at, text } of insertions) {
    result += code.slice(from, at) + text;
    from = at;
  }
  return result + code.slice(from);
}
