import { BenchError } from './bench-error.mjs';
import { buildPackages, compile, temporaryFolder } from './build.mjs';
import { printLoopReport } from './loop/report.mjs';
import { absentDoors, chooseLoopRows, loopBackend } from './loop/rows.mjs';
import { runRow } from './loop/run-row.mjs';
import { summarizeLoop } from './loop/summary.mjs';
import { describeMachine, fileLimit, requirePrograms, shareCores } from './machine.mjs';
import { loopOptions } from './options.mjs';
import { say } from './progress.mjs';
import { keepResults } from './results.mjs';

/** Measures callbacks, timers and wake-ups against Node's own and a floor in C, in turn. @param {string[]} args */
export async function loop(args) {
  const options = loopOptions(args);
  const backend = loopBackend(process.env.LANDSPOUT_BACKEND);
  const files = fileLimit();
  const rows = chooseLoopRows({ ...options, backend, files });
  const stage = setLoopStage(options, rows, files);
  const machine = describeMachine();

  const absent = [];
  for (const row of absentDoors({ ...options, backend })) {
    absent.push({ title: row.title, reason: (await runRow(row, stage)).absent });
  }
  const samples = new Map(rows.map((row) => [row, []]));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const row of rows) {
      say(`round ${round} of ${options.rounds}: ${row.section}, ${row.title}, ${row.how}`);
      samples.get(row).push(await runRow(row, stage));
    }
  }
  say('');

  const results = rows.map((row) => summarizeLoop(row, samples.get(row)));
  const report = {
    machine,
    core: stage.core,
    files,
    settings: { ...options, backend },
    absent,
    rows: results,
  };
  printLoopReport(report);
  keepResults('loop', report);
}

/** One core for all, since a row is one process that nobody asks anything. */
function setLoopStage({ build }, rows, files) {
  requirePrograms(['cc', 'taskset', 'prlimit']);
  if (rows.length === 0) throw new BenchError('nothing of this choice exists on this backend');
  if (build) buildPackages();
  return { core: shareCores().server, files, floor: compile('wake-ups', temporaryFolder()) };
}
