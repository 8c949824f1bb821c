import { Absences } from './http/absences.mjs';
import { compareAllAnswers } from './http/compare.mjs';
import { measureCrowd } from './http/crowd.mjs';
import { answerBytes, measureHttp, warmUpHttp } from './http/measure.mjs';
import { printHttpReport } from './http/report.mjs';
import { chooseHttpRows } from './http/rows.mjs';
import { answerFile, setHttpStage } from './http/stage.mjs';
import { summarizeHttp } from './http/summary.mjs';
import { measureIdle } from './idle-memory.mjs';
import { describeMachine, describeTools, fileLimit } from './machine.mjs';
import { httpOptions } from './options.mjs';
import { say } from './progress.mjs';
import { keepResults } from './results.mjs';

/** Sections that are measured once, not round after round. */
const ONCE = ['idle', 'crowd'];

/** Measures the HTTP server against a floor in C and its peers, in turn, round after round. @param {string[]} args */
export async function http(args) {
  const options = { ...httpOptions(args), files: fileLimit() };
  const machine = describeMachine();
  const rows = chooseHttpRows(options);
  const stage = setHttpStage(options, rows);
  const absences = new Absences(rows, stage.peers);
  const sameness = await compareAllAnswers(absences.rows, stage, (row, ask) => {
    say(`answer of ${row.title} to ${row.settings.ask.id}`);
    return absences.attempt(row, ask, ({ settings }) => settings.ask === row.settings.ask);
  });

  const samples = new Map(rows.map((row) => [row, []]));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const row of absences.rows.filter(({ section }) => !ONCE.includes(section))) {
      say(`round ${round} of ${options.rounds}: ${nameOf(row)}`);
      await absences.attempt(row, async () => samples.get(row).push(await measureHttp(row, stage, options)));
    }
  }
  const idle = new Map();
  for (const row of absences.rows.filter(({ section }) => section === 'idle')) {
    say(nameOf(row));
    const connections = row.settings.idle;
    const about = { connections, answerBytes: (server) => answerBytes(server, stage), warmUp: warmUpHttp };
    await absences.attempt(row, async () => idle.set(row, await measureIdle(row, stage, about)));
  }
  const crowds = new Map();
  for (const row of absences.rows.filter(({ section }) => section === 'crowd')) {
    say(nameOf(row));
    await absences.attempt(row, async () => crowds.set(row, await measureCrowd(row, stage)));
  }
  say('');

  const { cores, files } = stage;
  const report = {
    machine,
    cores,
    files,
    settings: options,
    versions: versionsOf(stage.peers),
    absent: absences.list,
    rows: absences.rows.map((row) => ({
      ...summarizeHttp(row, samples.get(row), idle.get(row), crowds.get(row)),
      answer: sameness.get(answerFile(row, stage.made)),
    })),
  };
  printHttpReport(report);
  keepResults('http', report);
}

function versionsOf(peers) {
  const found = [...peers].filter(([, { version }]) => version !== undefined);
  return {
    Fastify: describeTools().fastify,
    ...Object.fromEntries(found.map(([name, { version }]) => [name, version])),
  };
}

function nameOf({ section, title, how }) {
  return `${section}, ${title}, ${how}`;
}
