import path from 'node:path';
import { findComponents } from './find-cycles.mjs';

/**
 * Holds the sources of one package against the list of its rooms: a file imports only from its own room and from rooms
 * below, of types too, and no two files reach each other but in the cycles that are known. A cycle across rooms has to
 * point upward somewhere: in a known one, types may.
 *
 * @param {string} folder - the package's, under `packages/`.
 * @param {ReadonlyArray<{ file: string, imports: readonly import('./module-facts.mjs').ImportFact[] }>} modules - of its
 *   `src`, without tests.
 * @param {import('./rooms.mjs').Rooms} rooms
 * @returns {{ rule: 'room' | 'cycle', where: string, message: string }[]}
 */
export function checkRooms(folder, modules, { order, knownCycles }) {
  const src = `packages/${folder}/src`;
  /** @type {ReturnType<typeof checkRooms>} */
  const problems = [];
  const roomOf = (/** @type {string} */ file) => {
    let room = path.posix.relative(src, path.posix.dirname(file)) || '.';
    while (room !== '.' && !order.includes(room)) room = path.posix.dirname(room);
    return room;
  };
  const shareCycle = (/** @type {string[]} */ ...files) =>
    knownCycles.some((cycle) => files.every((file) => cycle.includes(path.posix.relative(src, file))));
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const { file, imports } of modules) {
    const door = path.posix.basename(file) === 'index.ts';
    const room = roomOf(file);
    if (file !== `${src}/index.ts` && !order.includes(room)) {
      problems.push({ rule: 'room', where: file, message: 'is in no room: add its folder to ROOMS' });
    }
    const local = imports.filter(({ specifier }) => specifier.startsWith('.'));
    graph.set(
      file,
      local.map(({ specifier }) => path.posix.join(path.posix.dirname(file), specifier)),
    );
    for (const { specifier, line, typeOnly } of local) {
      const imported = path.posix.join(path.posix.dirname(file), specifier);
      const target = roomOf(imported);
      if (door || order.indexOf(target) <= order.indexOf(room)) continue;
      if (typeOnly && shareCycle(file, imported)) continue;
      const message = `the room ${room} imports ${specifier} of ${target}, which is above it`;
      problems.push({ rule: 'room', where: `${file}:${line}`, message });
    }
  }
  const known = new Set(knownCycles.map((cycle) => cycle.toSorted().join()));
  for (const cycle of findComponents(graph)) {
    const names = cycle.map((file) => path.posix.relative(src, file)).sort();
    if (known.delete(names.join())) continue;
    const message = `files import each other, types counted: ${names.join(', ')}`;
    problems.push({ rule: 'cycle', where: `${src}/${names[0]}`, message });
  }
  for (const cycle of known) {
    problems.push({
      rule: 'cycle',
      where: src,
      message: `a known cycle is gone: delete ${cycle} from ROOMS`,
    });
  }
  return problems;
}
