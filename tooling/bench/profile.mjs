import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { during } from './child.mjs';
import { startGroup } from './group.mjs';
import { BenchError, fileLimit, setStage } from './machine.mjs';
import { runLoad } from './measure.mjs';
import { formatTable } from './report.mjs';
import { Responses } from './responses.mjs';
import { clientRows } from './tables/client.mjs';
import { helloRows, httpRows } from './tables/http.mjs';
import { mountingRows } from './tables/mounting.mjs';
import { tls, tlsRows } from './tables/tls.mjs';
import { topicsRows } from './tables/topics.mjs';
import { web, webRows } from './tables/web.mjs';
import { websocketRows } from './tables/websocket.mjs';

/** The name that V8 gives a profile has the id of the process. */
const PROFILE = /^CPU\.\d+\.\d+\.(\d+)\..*\.cpuprofile$/;
/** Fine enough for functions of a few microseconds per request, coarse enough to change little. */
const INTERVAL_US = 500;
/** Connections of the scene that has many. */
const MANY = 1000;
const TOPICS = {
  connections: 100,
  many: 5000,
  rate: 1000,
  readers: 30,
  only: ['delivery', 'across', 'across-rate'],
};

/** Shows where the time of the server of one row goes while it responds, of all its processes. @param {object} options */
export async function profile(options) {
  const row = rowOf(options);
  if (row.native !== undefined || row.runtime !== undefined)
    throw new BenchError(`${row.title} is no program of Node: there is nothing to profile`);
  const isTls = row.certificate !== undefined;
  const stage = setStage(options, isTls ? tls.programs : row.load.kind === 'wrk' ? ['wrk'] : []);
  (isTls ? tls : web).prepare(stage);
  if (row.ask !== undefined) await new Responses([row], stage).verify(row);
  const flags = ['--cpu-prof', '--cpu-prof-dir', stage.folder, '--cpu-prof-interval', String(INTERVAL_US)];
  const server = await startGroup(row, stage, flags);
  const { pids } = server;
  const { count, window } = await during(server, async () => {
    if (options.warmupMs > 0) await runLoad(row.load, server, stage, options.warmupMs);
    // V8 stamps profiles with the monotonic clock, which is that of hrtime in every process of the machine.
    const nowUs = () => Number(process.hrtime.bigint() / 1000n);
    const fromUs = nowUs();
    const { count } = await runLoad(row.load, server, stage, options.measureMs);
    return { count, window: { fromUs, toUs: nowUs() } };
  });
  const each = profilesOf(stage.folder).map(({ pid, cpuProfile }) => ({
    pid,
    functions: selfTimes(cpuProfile, window),
  }));
  const functions = merge(each.flatMap(({ functions }) => functions));
  print(row, functions, count, options.top);
  if (pids.length > 1) printProcesses(server, each, count);
}

/**
 * The scene of http, web, mounting, client, websocket, tls or topics that is named, with its client; without a name the
 * first of websocket, tls or topics, or the one of hello, with wrk.
 */
function rowOf({ row, scene, ...options }) {
  const all = { ...options, files: fileLimit() };
  const scenes = { ...all, many: MANY, idle: 0, crowd: 0 };
  const sockets = websocketRows(scenes);
  const topics = topicsRows({ ...all, ...TOPICS });
  const secure = tlsRows({ ...all, handshakes: 64, sockets: 100 });
  if (scene === undefined)
    return (
      [...sockets, ...secure, ...topics].find(({ id }) => id === row) ?? helloRows({ ...all, rows: [row] })[0]
    );
  const http = [...httpRows(scenes), ...webRows(all), ...mountingRows(all)];
  const busy = [...http, ...clientRows(all), ...sockets, ...secure, ...topics];
  const rows = busy.filter(({ id, idle = 0 }) => id === row && idle === 0);
  if (rows.length === 0)
    throw new BenchError(`no row ${row} in http, web, mounting, client, websocket, tls or topics`);
  const found = rows.find(({ how }) => how === scene);
  if (found !== undefined) return found;
  throw new BenchError(`no scene ${scene}; there are ${rows.map(({ how }) => how).join(', ')}`);
}

function print(row, functions, requests, top) {
  const total = totalOf(functions);
  const share = (us) => [`${((100 * us) / total).toFixed(1)} %`, (us / requests).toFixed(2)];
  console.log(
    `${row.title}: ${requests} requests, profiled every ${INTERVAL_US} us; (program) is the time outside of`,
  );
  console.log('JavaScript: system calls of the event loop, and native code that V8 gives no name\n');
  const groups = sumByGroup(functions).map(([group, us]) => [...share(us), group]);
  console.log(formatTable(['share', 'us/request', 'group'], groups));
  const named = functions
    .slice(0, top)
    .map(({ us, group, name, where }) => [...share(us), name, where || group]);
  console.log(`\n${formatTable(['share', 'us/request', 'function', 'where'], named)}`);
}

/** What each process of a row has taken, the parent first. */
function printProcesses({ row, pids }, each, requests) {
  const names = [
    ...(row.forks ? ['parent'] : []),
    ...Array.from({ length: row.processes }, (_, at) => `process ${at}`),
  ];
  const lines = pids.map((pid, at) => {
    const us = each
      .filter((one) => one.pid === pid)
      .reduce((sum, { functions }) => sum + totalOf(functions), 0);
    return [names[at], (us / requests).toFixed(2)];
  });
  console.log(`\n${formatTable(['of them (the last process publishes)', 'us/request'], lines)}`);
}

function totalOf(functions) {
  return functions.reduce((sum, { us }) => sum + us, 0);
}

/** The profiles that were written when processes ended. */
function profilesOf(folder) {
  return readdirSync(folder).flatMap((file) => {
    const pid = PROFILE.exec(file)?.[1];
    if (pid === undefined) return [];
    return { pid: Number(pid), cpuProfile: JSON.parse(readFileSync(path.join(folder, file), 'utf8')) };
  });
}

/** Adds up the times of a function in several profiles. @returns most first. */
function merge(functions) {
  const sums = new Map();
  for (const one of functions) {
    const key = `${one.name} ${one.where}`;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { ...one });
    else sum.us += one.us;
  }
  return [...sums.values()].sort((a, b) => b.us - a.us);
}

/**
 * Self time per function of a .cpuprofile: the time of its samples with it on top of the stack.
 *
 * @param {{ nodes: object[], samples: number[], timeDeltas: number[], startTime: number }} profile
 * @param {{ fromUs: number, toUs: number }} window - on the clock of the profile; samples outside are left out.
 * @returns {{ group: string, name: string, where: string, us: number }[]} without idle time, which takes no CPU.
 */
function selfTimes(profile, { fromUs, toUs }) {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const found = new Map();
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    at += profile.timeDeltas[index];
    // A sample stands for the time until the next one.
    const us = profile.timeDeltas[index + 1] ?? 0;
    if (at < fromUs || at > toUs || us <= 0) continue;
    const frame = frames.get(id);
    const key = `${frame.functionName} ${frame.url} ${frame.lineNumber} ${frame.columnNumber}`;
    const entry = found.get(key) ?? { frame, us: 0 };
    entry.us += us;
    found.set(key, entry);
  }
  return [...found.values()]
    .map(({ frame, us }) => ({ ...describe(frame), us }))
    .filter(({ name }) => name !== '(idle)');
}

/** @param {{ group: string, us: number }[]} functions @returns {[string, number][]} most first. */
function sumByGroup(functions) {
  const sums = new Map();
  for (const { group, us } of functions) sums.set(group, (sums.get(group) ?? 0) + us);
  return [...sums].sort(([, a], [, b]) => b - a);
}

/** Where a function is, in its source if there is a source map. */
function describe({ functionName, url, lineNumber, columnNumber }) {
  const name = functionName || '(anonymous)';
  if (url === '') return { group: name.startsWith('(') ? name : 'native functions', name, where: '' };
  if (url.startsWith('node:')) return { group: 'node itself', name, where: `${url}:${lineNumber + 1}` };
  const file = url.startsWith('file:') ? fileURLToPath(url) : url;
  const original = sourceMap(file)?.findEntry(lineNumber, columnNumber);
  const source = original?.originalSource;
  const group = groupOf(file);
  if (source === undefined) return { group, name, where: `${shorten(file)}:${lineNumber + 1}` };
  const resolved = path.resolve(
    path.dirname(file),
    source.startsWith('file:') ? fileURLToPath(source) : source,
  );
  return { group, name, where: `${shorten(resolved)}:${original.originalLine + 1}` };
}

/** @param {string} file */
function groupOf(file) {
  const installed = file.lastIndexOf('/node_modules/');
  if (installed !== -1) return /^(@[^/]+\/)?[^/]+/.exec(file.slice(installed + 14))?.[0] ?? file;
  const workspace = /\/packages\/([^/]+)\//.exec(file)?.[1];
  return workspace === undefined ? 'the server program' : `packages/${workspace}`;
}

function shorten(file) {
  return file.replace(/^.*\/(?=(packages|tooling|node_modules)\/)/, '');
}

/** @type {Map<string, SourceMap | undefined>} */
const maps = new Map();

function sourceMap(file) {
  if (!maps.has(file)) {
    const beside = `${file}.map`;
    maps.set(file, existsSync(beside) ? new SourceMap(JSON.parse(readFileSync(beside, 'utf8'))) : undefined);
  }
  return maps.get(file);
}
