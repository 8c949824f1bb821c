import { parseSync } from 'vite';

/**
 * Reading TypeScript as a syntax tree. The parser is the one inside vite (oxc), because TypeScript 7 has no
 * JavaScript API. It keeps types and comments, which a build step would erase.
 *
 * @typedef {{ type: string, start: number, end: number } & Record<string, any>} Node - any node of the tree (ESTree).
 *
 * @typedef {{ value: string, start: number, end: number }} Comment
 */

/**
 * Parses one module.
 *
 * @param {string} file - its name; the ending chooses the language.
 * @param {string} source - its text.
 * @returns {{ program: Node, comments: Comment[] }}
 * @throws Error when the text does not parse: then nothing can be said of it.
 */
export function parseModule(file, source) {
  const { program, comments, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors[0]?.message}`);
  return { program: /** @type {any} */ (program), comments };
}

/**
 * Calls `see` for every node, parents first, in the order of the source.
 *
 * @param {Node} root
 * @param {(node: Node, parent: Node | undefined, key: string) => void} see - `key` is the parent's property that
 *   holds the node.
 */
export function visit(root, see) {
  /** @type {Array<{ node: Node, parent: Node | undefined, key: string }>} */
  const pending = [{ node: root, parent: undefined, key: '' }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    see(next.node, next.parent, next.key);
    const { node: parent } = next;
    const children = Object.entries(parent)
      .flatMap(([key, value]) => [value].flat().map((node) => ({ node, parent, key })))
      .filter(({ node }) => typeof node?.type === 'string');
    pending.push(...children.reverse());
  }
}
