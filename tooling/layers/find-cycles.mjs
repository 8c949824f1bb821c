/**
 * Finds one cycle for every edge that closes one, by depth-first search.
 *
 * @param {ReadonlyMap<string, readonly string[]>} graph - each module, and the modules it imports.
 * @returns {string[][]} each cycle as the modules along it, first and last the same.
 */
export function findCycles(graph) {
  /** @type {string[][]} */
  const cycles = [];
  /** @type {Set<string>} */
  const done = new Set();
  /** @type {string[]} */
  const trail = [];

  const walk = (/** @type {string} */ node) => {
    const at = trail.indexOf(node);
    if (at !== -1) {
      cycles.push([...trail.slice(at), node]);
      return;
    }
    if (done.has(node)) return;
    trail.push(node);
    for (const next of graph.get(node) ?? []) walk(next);
    trail.pop();
    done.add(node);
  };

  for (const node of graph.keys()) walk(node);
  return cycles;
}

/**
 * Finds the sets of modules that reach each other (strongly connected components, by Tarjan's algorithm).
 *
 * @param {ReadonlyMap<string, readonly string[]>} graph - each module, and the modules it imports.
 * @returns {string[][]} those of two and more modules.
 */
export function findComponents(graph) {
  /** @type {string[][]} */
  const components = [];
  /** @type {Map<string, { index: number, low: number, open: boolean }>} */
  const seen = new Map();
  /** @type {string[]} */
  const stack = [];

  const walk = (/** @type {string} */ node) => {
    const own = { index: seen.size, low: seen.size, open: true };
    seen.set(node, own);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const other = seen.get(next) ?? walk(next);
      if (other.open) own.low = Math.min(own.low, other.low);
    }
    if (own.low !== own.index) return own;
    const component = stack.splice(stack.indexOf(node));
    for (const member of component) Object.assign(seen.get(member) ?? {}, { open: false });
    if (component.length > 1) components.push(component);
    return own;
  };

  for (const node of graph.keys()) if (!seen.has(node)) walk(node);
  return components;
}
