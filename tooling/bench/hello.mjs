import { writeFileSync } from 'node:fs';
import { compareAnswers, fetchAnswer, show } from './answers.mjs';
import { BenchError } from './bench-error.mjs';
import { measureIdle } from './idle-memory.mjs';
import { runLoad } from './load.mjs';
import { describeMachine, describeTools } from './machine.mjs';
import { helloOptions } from './options.mjs';
import { say } from './progress.mjs';
import { printReport } from './report.mjs';
import { keepResults } from './results.mjs';
import { chooseRows, referenceRow } from './rows.mjs';
import { Server } from './server.mjs';
import { setStage } from './stage.mjs';
import { summarize } from './summary.mjs';

/** Before memory is read. */
const IDLE_WARMUP = { seconds: 1, connections: 64 };

/** Compares the answers of all rows, then measures them in turn, round after round. @param {string[]} args */
export async function hello(args) {
  const options = helloOptions(args);
  const rows = chooseRows(options.rows);
  const stage = setStage(options);
  const machine = { ...describeMachine(), ...describeTools() };
  const { answer, sameness } = await compareRows(rows, stage);

  const samples = new Map(rows.map((row) => [row, []]));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const row of rows) {
      say(`round ${round} of ${options.rounds}: ${row.title}`);
      samples.get(row).push(await measureLoad(row, stage, options));
    }
  }
  const idleConnections = Math.min(options.idle, stage.mostConnections);
  const idle = new Map();
  for (const row of idleConnections > 0 ? rows : []) {
    say(`${idleConnections} idle connections: ${row.title}`);
    idle.set(
      row,
      await measureIdle(row, stage, {
        connections: idleConnections,
        answerBytes: () => answer.length,
        warmUp: (server) => runLoad(server, stage, IDLE_WARMUP),
      }),
    );
  }
  say('');

  const results = rows.map((row) => ({
    ...summarize(row, samples.get(row), idle.get(row)),
    answer: sameness.get(row),
  }));
  const report = {
    machine,
    cores: stage.cores,
    settings: { ...options, idleConnections },
    answer,
    rows: results,
  };
  printReport(report);
  keepResults('hello', report);
}

/** Writes the reference's answer for the floor, then asks every row. @throws BenchError when one differs. */
async function compareRows(rows, stage) {
  const reference = referenceRow(rows);
  const answer = await withServer(reference, stage, fetchAnswer);
  writeFileSync(stage.made.answerFile, answer, 'latin1');
  const sameness = new Map();
  for (const row of rows) {
    const theirs = await withServer(row, stage, fetchAnswer);
    const verdict = compareAnswers(answer, theirs);
    if (verdict === 'different') {
      const both = `${reference.title}:\n${show(answer)}\n\n${row.title}:\n${show(theirs)}`;
      throw new BenchError(`rows answer differently, so that their times mean nothing\n${both}`);
    }
    sameness.set(row, verdict);
  }
  return { answer, sameness };
}

/** One round of one row, on a process of its own. */
function measureLoad(row, stage, { seconds, warmup, connections }) {
  return withServer(row, stage, async (server) => {
    if (warmup > 0) await runLoad(server, stage, { seconds: warmup, connections });
    const before = server.cpuSeconds();
    const { requests, durationUs, p50Us, p99Us } = await runLoad(server, stage, { seconds, connections });
    const cpuUs = (server.cpuSeconds() - before) * 1e6;
    return {
      requests,
      requestsPerSecond: requests / (durationUs / 1e6),
      cpuUsPerRequest: cpuUs / requests,
      p50Us,
      p99Us,
    };
  });
}

async function withServer(row, stage, use) {
  const server = await Server.start(row, stage);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}
