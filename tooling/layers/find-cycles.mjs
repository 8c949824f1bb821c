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
