import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureCrowd } from './crowd.mjs';
import { BenchError, describeMachine, fileLimit, NotInstalledError, setStage } from './machine.mjs';
import { measureIdle, measureLoad, measureSelf } from './measure.mjs';
import { printReport } from './report.mjs';
import { compareRequests } from './requests.mjs';
import { Responses } from './responses.mjs';
import { summarize } from './statistics.mjs';
import { measureIdleTopics, measureResume, measureSubscriptions } from './topics.mjs';
import { measureWriters } from './writers.mjs';

/**
 * One program in one scene.
 *
 * @typedef {object} Row
 * @property {string} section @property {string} how - the scene; rows of one scene compare.
 * @property {string} id - for the command line, ratios and aims. @property {string} title - for the tables.
 * @property {string} backend - what the program must say it runs on.
 * @property {string} [native] - a program of `native/`, with `args`; else
 * @property {string} [program] - one of this folder, which gets `settings`;
 * @property {'bun' | 'deno' | 'tornado' | 'nginx'} [runtime] - what runs that in place of Node.
 * @property {'ecdsa' | 'rsa'} [certificate] - of a server over TLS.
 * @property {'native' | 'node'} [tlsPath] - what performs TLS, if Landspout may choose: the program must say the same.
 * @property {boolean} [mayFail] - without ending the run.
 * @property {number} [processes] - that serve the row together, if several do. @property {boolean} [forks] - that the
 *   program starts itself, as the children of one; else it is started as often. @property {boolean} [redis] - which they use.
 * @property {{ id: string, downBytes?: number, upBytes?: number, browser?: boolean }} [ask] - what is requested, whose
 *   responses are compared first.
 * @property {{ downBytes: number, upBytes: number }} [origin] - of a client: what its server sends, and expects.
 * @property {keyof typeof MEASURES} measure
 * @property {{ kind: string }} [load] - the client. @property {number} [idle] - idle connections.
 * @property {string} [base] - the scene that others of the same program compare with. @property {string} [note]
 */

/** Each takes a row, the stage and the options, and returns a sample: in rounds, or once. */
const IN_ROUNDS = { load: measureLoad, self: measureSelf, resume: measureResume };
const ONCE = {
  idle: measureIdle,
  crowd: measureCrowd,
  writers: measureWriters,
  subscriptions: measureSubscriptions,
  'idle-topics': measureIdleTopics,
};
const MEASURES = { ...IN_ROUNDS, ...ONCE };

/**
 * Measures the rows of a benchmark in turn, round after round, prints the tables and keeps the results.
 *
 * @param {string} name @param {object} benchmark - of a module in `tables/`. @param {object} options
 */
export async function runBenchmark(name, benchmark, options) {
  const settings = { ...options, files: fileLimit() };
  const rows = benchmark.rowsOf(settings);
  if (rows.length === 0) throw new BenchError('there is nothing of this choice to measure');
  const machine = describeMachine();
  const stage = setStage(options, benchmark.programs);
  benchmark.prepare?.(stage, options);
  const measured = await measureRows(rows, stage, settings);
  const versions = { ...benchmark.versions };
  for (const [runtime, { version }] of stage.runtimes) if (version) versions[runtime] = version;
  const report = { benchmark: name, machine, cores: stage.cores, settings, versions, ...measured };
  printReport(report, benchmark);
  keepResults(report);
}

/** Measures what is there and works; the rest is absent. @param {readonly Row[]} rows */
async function measureRows(rows, stage, options) {
  const { rounds = 1 } = options;
  const results = new Map(rows.map((row) => [row, { samples: [] }]));
  const absent = [];
  const attempt = async (row, what, act) => {
    if (!results.has(row)) return;
    say(`${what}: ${nameOf(row)}`);
    try {
      await act(results.get(row));
    } catch (error) {
      const mayFail = row.mayFail || error instanceof NotInstalledError;
      if (!mayFail || !(error instanceof BenchError)) throw error;
      results.delete(row);
      absent.push({ title: row.title, scene: `${row.section}, ${row.how}`, reason: error.message });
    }
  };
  const measure = (row, what) =>
    attempt(row, what, async ({ samples }) => samples.push(await MEASURES[row.measure](row, stage, options)));

  const responses = new Responses(rows, stage);
  for (const row of rows.filter(({ ask }) => ask !== undefined))
    await attempt(row, 'response', async (result) => {
      result.response = await responses.verify(row);
    });
  for (const row of rows.filter(({ origin }) => origin !== undefined))
    await attempt(row, 'request', async (result) => {
      result.request = await compareRequests(row, stage);
    });
  for (let round = 1; round <= rounds; round += 1)
    for (const row of rows) if (row.measure in IN_ROUNDS) await measure(row, `round ${round} of ${rounds}`);
  for (const row of rows) if (row.measure in ONCE) await measure(row, 'once');
  say('');
  const measured = [...results].map(([row, { samples, ...compared }]) => {
    const { section, how, id, title, backend, settings, base, note } = row;
    const about = { section, how, id, title, backend, settings, base, note, ...compared };
    return { ...about, ...summarize(samples), rounds: samples };
  });
  return { rows: measured, absent };
}

/** @param {Row} row */
export function nameOf({ section, title, how }) {
  return `${section}, ${title}, ${how}`;
}

/** One line that the next one replaces; lines of their own if stderr is no terminal. @param {string} text */
export function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}

/** Keeps a report as JSON under `results/`. @param {{ benchmark: string }} report */
export function keepResults(report) {
  const folder = fileURLToPath(new URL('results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const name = `${report.benchmark}-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.json`;
  writeFileSync(path.join(folder, name), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nwritten to ${path.relative(process.cwd(), path.join(folder, name))}`);
}
