import { parseArgs } from 'node:util';
import { BenchError } from './machine.mjs';

const list = (example) => ({ type: 'string', example, read: (text) => text?.split(',') });
const text = (example, multiple = false) => ({ type: 'string', multiple, example, read: (value) => value });
const FLAG = { type: 'boolean', read: (value) => value === true };

const ROUNDS = { rounds: 3, 'measure-ms': 2000, 'warmup-ms': 1000, connections: 64 };
const PAIRS = { ...ROUNDS, rounds: 20, 'measure-ms': 400, 'warmup-ms': 800, many: 1000 };
const BURSTS = { rounds: 5, 'measure-ms': 1000, 'warmup-ms': 500 };
const SECTIONS = list('hello,pipelined,head,bodies,idle,flat,crowd');
/** Numbers that may be 0, which leaves that part out. */
const MAY_BE_ZERO = ['warmup', 'idle', 'crowd', 'origins'];
/** The options of each command, numbers by their defaults, and its argument. */
const COMMANDS = {
  hello: { rounds: 3, seconds: 5, warmup: 2, connections: 64, idle: 10_000, rows: list('floor,web') },
  loop: { ...BURSTS, timers: 100_000, only: list('callbacks,timers,wake-ups') },
  stream: { ...ROUNDS, idle: 10_000, 'file-mib': 100, only: list('echo,lines,idle,send-file') },
  http: {
    ...ROUNDS,
    many: 1000,
    idle: 10_000,
    crowd: 5000,
    fresh: FLAG,
    only: SECTIONS,
    rows: list('floor,web'),
  },
  web: {
    ...ROUNDS,
    warmups: 10,
    only: list('hello,json,path,form,post-json,routes,cookie,middleware,static,page,compressed'),
    rows: list('web,deno'),
  },
  mounting: {
    ...ROUNDS,
    warmups: 10,
    only: list('text,json,params,body,stream'),
    rows: list('serve,hono-node'),
  },
  client: {
    rounds: 3,
    'measure-ms': 2000,
    'warmup-ms': 1000,
    warmups: 10,
    origins: 5000,
    idle: 5000,
    only: list('get,bodies,fetch,origins,idle'),
    rows: list('floor,httpclient'),
  },
  websocket: {
    ...ROUNDS,
    connections: 100,
    many: 5000,
    warmups: 10,
    idle: 10_000,
    binary: FLAG,
    only: list('echo,broadcast,deflate,close,idle'),
    rows: list('floor,websocket'),
  },
  tls: {
    ...ROUNDS,
    handshakes: 64,
    sockets: 100,
    warmups: 10,
    idle: 5000,
    only: list('hello,handshakes,bodies,websocket,idle'),
    rows: list('floor,tls'),
  },
  topics: {
    ...ROUNDS,
    connections: 100,
    many: 5000,
    clients: 1000,
    behind: 1000,
    warmups: 10,
    idle: 5000,
    rate: 1000,
    readers: 30,
    'idle-topics': list('1000,10000'),
    only: list('delivery,resume,idle,publish,across,across-rate,across-resume,across-idle'),
    rows: list('floor,topics,redis'),
  },
  writers: { seconds: 10, writers: list('1,32,500') },
  against: { ...PAIRS, only: text("'hello, httpserver, native'", true), argument: 'checkout' },
  profile: { seconds: 4, warmup: 2, connections: 64, top: 25, scene: text("'1 MiB up'"), argument: 'row' },
};

function specsOf(command) {
  const { argument, ...table } = COMMANDS[command];
  const specs = Object.entries({ ...table, 'no-build': FLAG }).map(([name, spec]) => {
    const number = { type: 'string', example: spec, read: (value = spec) => wholeNumber(name, value) };
    return [name, typeof spec === 'number' ? number : spec];
  });
  return { argument, specs };
}

/** How each command is called. */
export function usage() {
  const lines = Object.keys(COMMANDS).map((command) => {
    const { argument, specs } = specsOf(command);
    const options = specs.map(([name, { example = '' }]) => `[--${`${name} ${example}`.trim()}]`);
    return `  pnpm bench ${command} ${argument ? `<${argument}> ` : ''}${options.join(' ')}`;
  });
  return `usage:\n${lines.join('\n')}\nLANDSPOUT_BACKEND=portable chooses that backend for loop`;
}

/**
 * The options of a command, in camelCase; `seconds` and `warmup` also in milliseconds.
 *
 * @throws TypeError of node:util that names an unknown option. @throws BenchError if a value is invalid.
 */
export function parseOptions(command, args) {
  const { argument, specs } = specsOf(command);
  const config = { args, options: Object.fromEntries(specs), allowPositionals: argument !== undefined };
  const { values, positionals } = parseArgs(config);
  if (argument !== undefined && positionals.length !== 1)
    throw new BenchError(`${command} takes one <${argument}>, not ${positionals.length}`);
  const camelCase = (name) => name.replace(/-(.)/g, (_dash, letter) => letter.toUpperCase());
  const parsed = Object.fromEntries(specs.map(([name, { read }]) => [camelCase(name), read(values[name])]));
  const { noBuild, seconds, warmup = 0, ...rest } = parsed;
  const times = seconds && { seconds, measureMs: seconds * 1000, warmupMs: warmup * 1000 };
  return { ...rest, ...times, build: !noBuild, ...(argument && { [argument]: positionals[0] }) };
}

/** @throws BenchError */
export function wholeNumber(name, value) {
  const least = MAY_BE_ZERO.includes(name) ? 0 : 1;
  if (Number.isInteger(Number(value)) && Number(value) >= least) return Number(value);
  throw new BenchError(`--${name} takes a whole number of at least ${least}, not ${value}`);
}

/** The items whose names are chosen, in their own order; all without names. @throws BenchError that names the unknown. */
export function choose(what, names, items, nameOf = (item) => item) {
  const known = items.map(nameOf);
  const unknown = (names ?? []).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new BenchError(`no ${what} ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return items.filter((item) => names?.includes(nameOf(item)) ?? true);
}

/** The rows of the chosen sections of a table. @param {Record<string, (options: object) => object[]>} table */
export function rowsOf(table, options) {
  return choose('section', options.only, Object.keys(table)).flatMap((section) =>
    table[section](options).map((row) => ({ section, ...row })),
  );
}
