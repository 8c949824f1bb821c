import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BenchError } from './bench-error.mjs';
import { selfTimes, sumByGroup } from './cpu-profile.mjs';
import { compareAllAnswers } from './http/compare.mjs';
import { runHttp } from './http/measure.mjs';
import { chooseHttpRows } from './http/rows.mjs';
import { setHttpStage } from './http/stage.mjs';
import { runLoad } from './load.mjs';
import { fileLimit } from './machine.mjs';
import { profileOptions } from './options.mjs';
import { chooseRows } from './rows.mjs';
import { Server } from './server.mjs';
import { setStage } from './stage.mjs';
import { formatTable } from './table.mjs';

const FILE = 'row.cpuprofile';
/** Fine enough for functions of a few microseconds per request, coarse enough to change little. */
const INTERVAL_US = 500;
/** Connections of the scene that has many. */
const MANY = 1000;

/** Says where the time of one row's server goes while it is asked. @param {string[]} args */
export async function profile(args) {
  const options = profileOptions(args);
  const { row, stage, load } = options.scene === undefined ? helloScene(options) : await httpScene(options);
  const flags = ['--cpu-prof', '--cpu-prof-dir', stage.made.folder, '--cpu-prof-name', FILE];
  const server = await Server.start(row, stage, [...flags, '--cpu-prof-interval', String(INTERVAL_US)]);
  let measured;
  try {
    const { warmup, seconds } = options;
    if (warmup > 0) await load(server, warmup);
    measured = await duringLoad(() => load(server, seconds));
  } finally {
    await server.stop(); // The profile is written when the process ends.
  }
  const file = path.join(stage.made.folder, FILE);
  const all = selfTimes(JSON.parse(readFileSync(file, 'utf8')), measured.window);
  const functions = all.filter(({ name }) => name !== '(idle)'); // It takes no CPU.
  print(row, functions, measured, options.top);
}

/** What hello measures, asked by wrk. */
function helloScene(options) {
  const [row] = chooseRows([options.row]);
  requireNode(row);
  const stage = setStage(options);
  const { connections } = options;
  const load = async (server, seconds) => (await runLoad(server, stage, { seconds, connections })).requests;
  return { row, stage, load };
}

/** One of the scenes of http, asked by its client. */
async function httpScene(options) {
  const files = fileLimit();
  const rows = chooseHttpRows({ ...options, rows: [options.row], many: MANY, idle: 0, crowd: 0, files });
  const scenes = rows.filter(({ settings }) => settings.idle === 0);
  const row = scenes.find(({ how }) => how === options.scene);
  if (row === undefined) {
    throw new BenchError(`no scene ${options.scene}; there are ${scenes.map(({ how }) => how).join(', ')}`);
  }
  requireNode(row);
  const stage = setHttpStage({ ...options, files }, [row]);
  await compareAllAnswers([row], stage, (_row, ask) => ask());
  const { connections, depth } = row.settings;
  const load = async (server, seconds) => {
    const { messages } = await runHttp(server, stage, { connections, depth, ms: seconds * 1000 });
    return messages * depth;
  };
  return { row, stage, load };
}

function requireNode({ title, program, peer }) {
  if (program !== undefined && peer === undefined) return;
  throw new BenchError(`${title} is no program of Node: there is nothing to profile`);
}

async function duringLoad(load) {
  // V8 stamps profiles with the monotonic clock, which is the one of hrtime in every process of the machine.
  const fromUs = Number(process.hrtime.bigint() / 1000n);
  const requests = await load();
  return { requests, window: { fromUs, toUs: Number(process.hrtime.bigint() / 1000n) } };
}

function print(row, functions, { requests }, top) {
  const total = functions.reduce((sum, { us }) => sum + us, 0);
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
