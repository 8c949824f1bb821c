import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError } from './bench-error.mjs';
import { compareAllAnswers } from './http/compare.mjs';
import { runHttp } from './http/measure.mjs';
import { chooseHttpRows } from './http/rows.mjs';
import { setHttpStage } from './http/stage.mjs';
import { describeMachine, fileLimit } from './machine.mjs';
import { againstOptions } from './options.mjs';
import { say } from './progress.mjs';
import { keepResults } from './results.mjs';
import { Server } from './server.mjs';
import { runEcho } from './stream/echo.mjs';
import { chooseStreamRows } from './stream/rows.mjs';
import { setStreamStage } from './stream/stage.mjs';
import { median } from './summary.mjs';
import { formatTable } from './table.mjs';

const HTTP_SECTIONS = ['hello', 'pipelined', 'head', 'bodies'];
const HTTP_SERVERS = ['httpserver', 'web', 'httpserver-portable'];
const HERE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * Compares this checkout with another that is built too, scene by scene. A round starts one server of each, and loads
 * them in turn, here, there, there, here: what disturbs the machine for longer than a burst disturbs both.
 *
 * @param {string[]} args
 */
export async function against(args) {
  const options = againstOptions(args);
  const there = path.resolve(options.checkout);
  const machine = describeMachine();
  const scenes = [...(await httpScenes(options)), ...streamScenes(options)];
  if (scenes.length === 0) throw new BenchError(`no scene has ${options.only} in its name`);
  const rows = [];
  for (const { name, row, stage, run } of scenes) {
    const ratios = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      say(`${name}: round ${round} of ${options.rounds}`);
      ratios.push(await ratioOf(row, stage, { run, there, ...options }));
    }
    rows.push({ scene: name, ...interval(ratios), ratios });
  }
  say('');
  const cells = rows.map(({ scene, ratio, low, high }) => [scene, ...[ratio, low, high].map(percent)]);
  console.log(formatTable(['CPU of a request, here over there', 'mean', '95 % from', 'to'], cells));
  keepResults('against', { machine, settings: options, rows });
}

async function httpScenes(options) {
  const chosen = chooseHttpRows({ ...options, only: HTTP_SECTIONS, rows: HTTP_SERVERS, idle: 0, crowd: 0 });
  const rows = chosen
    .map((row) => ({ row, name: `${row.section}, ${row.title}, ${row.how}` }))
    .filter(({ name }) => wanted(name, options));
  if (rows.length === 0) return [];
  const stage = setHttpStage(
    { build: options.build, files: fileLimit() },
    rows.map(({ row }) => row),
  );
  await compareAllAnswers(
    rows.map(({ row }) => row),
    stage,
    (_, ask) => ask(),
  );
  return rows.map(({ row, name }) => ({
    name,
    row,
    stage,
    run: async (server, ms) => {
      const { connections, depth } = row.settings;
      return (await runHttp(server, stage, { connections, depth, ms })).messages;
    },
  }));
}

function streamScenes(options) {
  const rows = chooseStreamRows({ ...options, only: ['echo'], idle: 0, fileMiB: 0 })
    .filter(({ program }) => program === 'echo-iostream')
    .map((row) => ({ row, name: `echo, ${row.title}, ${row.backend}, ${row.how}` }))
    .filter(({ name }) => wanted(name, options));
  if (rows.length === 0) return [];
  const stage = setStreamStage(
    { build: options.build, fileMiB: 0 },
    rows.map(({ row }) => row),
  );
  return rows.map(({ row, name }) => ({
    name,
    row,
    stage,
    run: async (server, ms) => (await runEcho(server, stage, { ...row.settings, ms })).messages,
  }));
}

function wanted(name, { only }) {
  return only === undefined || only.some((part) => name.includes(part));
}

/** What a request costs here, over what it costs there: one round. */
async function ratioOf(row, stage, { run, there, warmupMs, measureMs }) {
  const elsewhere = {
    ...stage,
    commandOf: (...of) => stage.commandOf(...of).map((word) => word.replace(HERE, there)),
  };
  const ours = await Server.start(row, stage);
  try {
    const theirs = await Server.start(row, elsewhere);
    try {
      for (const server of [ours, theirs]) await run(server, warmupMs);
      const cost = new Map([ours, theirs].map((server) => [server, { cpuNs: 0, count: 0 }]));
      for (const server of [ours, theirs, theirs, ours]) {
        const before = cpuNanoseconds(server.pid);
        const count = await run(server, measureMs);
        cost.get(server).cpuNs += cpuNanoseconds(server.pid) - before;
        cost.get(server).count += count;
      }
      const [here, other] = [ours, theirs].map((server) => cost.get(server).cpuNs / cost.get(server).count);
      return here / other;
    } finally {
      await theirs.stop();
    }
  } finally {
    await ours.stop();
  }
}

/** Of all its threads so far; ticks of 10 ms would be too coarse for one burst. */
function cpuNanoseconds(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const texts = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'));
  return texts.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0);
}

/** The mean of ratios and its 95 % interval, by Student's t of their logarithms. @param {readonly number[]} ratios */
function interval(ratios) {
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (logs.length - 1);
  const half = studentT(logs.length - 1) * Math.sqrt(variance / logs.length);
  const [ratio, low, high] = [mean, mean - half, mean + half].map(Math.exp);
  return { ratio, low, high, median: median(ratios) };
}

/** The 97.5 % quantile, within 0.1 % from 10 degrees of freedom on (Cornish and Fisher's expansion). */
function studentT(degrees) {
  const z = 1.959964;
  const first = (z ** 3 + z) / (4 * degrees);
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
  return z + first + second;
}

function percent(ratio) {
  return `${(ratio * 100).toFixed(1)} %`;
}
