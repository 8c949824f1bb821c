import { BenchError } from '../bench-error.mjs';
import { chooseRows } from '../rows.mjs';
import { SPARE_FILES } from '../stage.mjs';
import { CROWD_SERVERS, crowdOf } from './crowd-settings.mjs';
import { ASKS } from './requests.mjs';

/**
 * One server in one scene.
 *
 * @typedef {object} HttpRow
 * @property {'hello' | 'pipelined' | 'head' | 'bodies' | 'idle' | 'flat' | 'crowd'} section
 * @property {string} how - which scene of that section it is.
 * @property {string} id @property {string} title @property {string} backend - as of `Row` in ../rows.mjs.
 * @property {string} [program] - in `servers/`; the floor alone has none.
 * @property {'bun' | 'deno' | 'tornado'} [peer] - what runs it in place of Node, and may not be installed.
 * @property {true} [mayFail] - as a peer's may, though Node runs it.
 * @property {{ ask: import('./requests.mjs').Ask, connections: number, depth: number, idle: number,
 *   crowd?: import('./crowd-settings.mjs').Crowd }} settings - `depth` requests at once on each of the connections,
 *   beside that many idle ones, or a crowd of bad ones.
 */

/** Requests that a connection sends at once where they are pipelined. */
const PIPELINED = 16;
/** Idle connections beside the busy ones; as many as descriptors allow come on top. */
const FLAT_IDLE = [0, 5_000];

const PEERS = [
  { id: 'bun', title: 'Bun', backend: 'bun', program: 'bun.mjs', peer: 'bun' },
  { id: 'deno', title: 'Deno', backend: 'deno', program: 'deno.mjs', peer: 'deno' },
  { id: 'tornado', title: 'Tornado', backend: 'tornado', program: 'tornado_web.py', peer: 'tornado' },
];

/** @param {readonly string[]} [ids] default: all */
export function chooseServers(ids) {
  const ours = chooseRows();
  const all = [...ours, ...PEERS];
  if (ids === undefined) return all;
  const unknown = ids.filter((id) => !all.some((one) => one.id === id));
  if (unknown.length === 0) return all.filter(({ id }) => ids.includes(id));
  throw new BenchError(`no row ${unknown.join(', ')}; there are ${all.map(({ id }) => id).join(', ')}`);
}

/**
 * The rows of the chosen sections, in the order of the tables.
 *
 * @param {{ only?: readonly string[], rows?: readonly string[], connections: number, many: number, idle: number,
 *   crowd: number, fresh: boolean, files: number }} options - `idle` and `crowd` of 0 leave that section out; `files`
 *   bounds what the flat one and the crowd open.
 * @returns {readonly HttpRow[]}
 */
export function chooseHttpRows(options) {
  const scenes = chooseSections(options.only).flatMap((section) =>
    SECTIONS[section](options).map((scene) => ({ section, ...scene })),
  );
  const servers = chooseServers(options.rows);
  return scenes.flatMap(({ section, how, ...settings }) =>
    serversOf(section, servers).map((server) => ({ section, how, ...server, settings })),
  );
}

/** A crowd needs deadlines, which not every server can set: those that can have programs of their own for it. */
function serversOf(section, servers) {
  if (section !== 'crowd') return servers;
  return servers.flatMap((server) => {
    const own = CROWD_SERVERS[server.id];
    return own === undefined ? [] : [{ ...server, ...own }];
  });
}

const SECTIONS = {
  hello: ({ connections, many }) => [
    scene(`${connections} connections`, ASKS.hello, { connections }),
    scene(`${many} connections`, ASKS.hello, { connections: many }),
  ],
  pipelined: ({ connections }) => [
    scene(`${PIPELINED} at once`, ASKS.hello, { connections, depth: PIPELINED }),
  ],
  head: ({ connections }) => [scene('head of 800 B', ASKS.head, { connections })],
  bodies: ({ connections }) => [
    scene('10 KiB down', ASKS.down10K, { connections }),
    scene('1 MiB down', ASKS.down1M, { connections }),
    scene('10 KiB up', ASKS.up10K, { connections }),
    scene('1 MiB up', ASKS.up1M, { connections }),
  ],
  idle: ({ idle, files }) => {
    const connections = Math.min(idle, files - SPARE_FILES);
    return idle > 0
      ? [scene(`${connections} connections`, ASKS.hello, { connections: 0, idle: connections })]
      : [];
  },
  flat: ({ connections, files }) =>
    idleCounts(files - SPARE_FILES - connections).map((idle) =>
      scene(`${idle} idle`, ASKS.hello, { connections, idle }),
    ),
  crowd: (options) => {
    const crowd = crowdOf(options);
    if (crowd === undefined) return [];
    const how = `3 x ${crowd.ofEachKind} bad clients`;
    return [{ ...scene(how, ASKS.crowd, { connections: crowd.normal.connections }), crowd }];
  },
};

function scene(how, ask, { connections, depth = 1, idle = 0 }) {
  return { how, ask, connections, depth, idle };
}

/** @param {number} most - that descriptors allow. */
function idleCounts(most) {
  return [...FLAT_IDLE.filter((idle) => idle < most), most];
}

function chooseSections(only) {
  const names = Object.keys(SECTIONS);
  const unknown = (only ?? []).filter((name) => !names.includes(name));
  if (unknown.length === 0) return names.filter((name) => only === undefined || only.includes(name));
  throw new BenchError(`no section ${unknown.join(', ')}; there are ${names.join(', ')}`);
}
