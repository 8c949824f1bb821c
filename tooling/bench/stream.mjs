import { BenchError } from './bench-error.mjs';
import { measureIdle } from './idle-memory.mjs';
import { describeMachine } from './machine.mjs';
import { streamOptions } from './options.mjs';
import { say } from './progress.mjs';
import { keepResults } from './results.mjs';
import { idleAnswerBytes, measureEcho, warmUpEcho } from './stream/echo.mjs';
import { measureLines } from './stream/lines.mjs';
import { nginxVersion } from './stream/nginx.mjs';
import { printStreamReport } from './stream/report.mjs';
import { chooseStreamRows } from './stream/rows.mjs';
import { absenceOf, measureSendFile } from './stream/send-file.mjs';
import { setStreamStage } from './stream/stage.mjs';
import { summarizeStream } from './stream/summary.mjs';

const MEASURES = { echo: measureEcho, lines: measureLines, 'send-file': measureSendFile };

/** Measures streams against Node's own, nginx and a floor in C, in turn, round after round. @param {string[]} args */
export async function stream(args) {
  const options = streamOptions(args);
  const wanted = chooseStreamRows(options);
  const stage = setStreamStage(options, wanted);
  const machine = { ...describeMachine(), nginx: nginxVersion() };
  const { rows, absent } = await dropAbsent(wanted, stage);

  const samples = new Map(rows.map((row) => [row, []]));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const row of rows.filter(({ section }) => section !== 'idle')) {
      say(`round ${round} of ${options.rounds}: ${nameOf(row)}`);
      samples.get(row).push(await measureOnce(row, stage, options));
    }
  }
  const idleConnections = Math.min(options.idle, stage.mostConnections);
  const idle = new Map();
  for (const row of rows.filter(({ section }) => section === 'idle')) {
    say(`${idleConnections} idle streams: ${nameOf(row)}`);
    const about = { connections: idleConnections, answerBytes: idleAnswerBytes, warmUp: warmUpEcho };
    idle.set(row, await measureIdle(row, stage, about));
  }
  say('');

  const results = rows.map((row) => summarizeStream(row, samples.get(row), idle.get(row)));
  const { cores } = stage;
  const report = { machine, cores, settings: options, idleConnections, absent, rows: results };
  printStreamReport(report);
  keepResults('stream', report);
}

/** What is not there, nginx or a method of another build, is said and not measured. */
async function dropAbsent(wanted, stage) {
  const rows = [];
  const absent = [];
  for (const row of wanted) {
    const reason = row.section === 'send-file' ? await absenceOf(row, stage) : undefined;
    if (reason === undefined) rows.push(row);
    else absent.push({ title: row.title, backend: row.backend, reason });
  }
  return { rows, absent };
}

async function measureOnce(row, stage, options) {
  const sample = await MEASURES[row.section](row, stage, options);
  if (sample.count > 0) return sample;
  throw new BenchError(`${nameOf(row)}: nothing came in ${options.measureMs} ms`);
}

function nameOf({ section, title, how, backend }) {
  return `${section}, ${title}, ${backend}, ${how}`;
}
