import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BenchError } from './bench-error.mjs';
import { selfTimes, sumByGroup } from './cpu-profile.mjs';
import { runLoad } from './load.mjs';
import { profileOptions } from './options.mjs';
import { chooseRows } from './rows.mjs';
import { Server } from './server.mjs';
import { setStage } from './stage.mjs';
import { formatTable } from './table.mjs';

const FILE = 'row.cpuprofile';
/** Fine enough for functions of a few microseconds per request, coarse enough to change little. */
const INTERVAL_US = 500;

/** Says where the time of one row's server goes while wrk asks it. @param {string[]} args */
export async function profile(args) {
  const options = profileOptions(args);
  const [row] = chooseRows([options.row]);
  if (row.program === undefined)
    throw new BenchError('the floor is no Node program: there is nothing to profile');
  const stage = setStage(options);
  const flags = ['--cpu-prof', '--cpu-prof-dir', stage.made.folder, '--cpu-prof-name', FILE];
  const server = await Server.start(row, stage, [...flags, '--cpu-prof-interval', String(INTERVAL_US)]);
  let measured;
  try {
    const { warmup, seconds, connections } = options;
    if (warmup > 0) await runLoad(server, stage, { seconds: warmup, connections });
    measured = await duringLoad(server, stage, { seconds, connections });
  } finally {
    await server.stop(); // The profile is written when the process ends.
  }
  const file = path.join(stage.made.folder, FILE);
  const functions = selfTimes(JSON.parse(readFileSync(file, 'utf8')), measured.window);
  print(row, functions, measured, options.top);
}

async function duringLoad(server, stage, load) {
  // V8 stamps profiles with the monotonic clock, which is the one of hrtime in every process of the machine.
  const fromUs = Number(process.hrtime.bigint() / 1000n);
  const { requests } = await runLoad(server, stage, load);
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
