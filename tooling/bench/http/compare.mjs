import { writeFileSync } from 'node:fs';
import { compareAnswers, fetchAnswer, nameDifference, show } from '../answers.mjs';
import { BenchError } from '../bench-error.mjs';
import { Server } from '../server.mjs';
import { requestText } from './requests.mjs';
import { answerFile } from './stage.mjs';

/**
 * Asks every server once for each of its different answers, and keeps them as files: for the floor to send, and for the
 * client to compare.
 *
 * @param {readonly import('./rows.mjs').HttpRow[]} rows
 * @param {(row: import('./rows.mjs').HttpRow, ask: () => Promise<void>) => Promise<void>} attempt - which may go on
 *   without the row when it cannot be asked.
 * @returns {Promise<Map<string, string>>} how each answer differs, by {@link answerFile}.
 * @throws BenchError when a status or a body differs.
 */
export async function compareAllAnswers(rows, stage, attempt) {
  const sameness = new Map();
  for (const asked of groupBy(rows, ({ settings }) => settings.ask.id)) {
    const [reference] = asked.filter(({ program }) => program !== undefined);
    if (reference === undefined)
      throw new BenchError('the floor sends the answer of another row: choose one more');
    const answer = await askOnce(reference, stage);
    for (const [row] of groupBy(asked, ({ id }) => id)) {
      await attempt(row, async () => {
        const file = answerFile(row, stage.made);
        if (row.program === undefined) writeFileSync(file, answer, 'latin1');
        const theirs = row === reference ? answer : await askOnce(row, stage);
        writeFileSync(file, theirs, 'latin1');
        sameness.set(file, describe({ row, theirs }, { reference, answer }));
      });
    }
  }
  return sameness;
}

function describe({ row, theirs }, { reference, answer }) {
  const verdict = compareAnswers(answer, theirs);
  if (verdict !== 'different') return verdict;
  const difference = nameDifference(answer, theirs);
  if (difference !== undefined) return difference;
  const both = [`${reference.title}:\n${show(clip(answer))}`, `${row.title}:\n${show(clip(theirs))}`].join(
    '\n\n',
  );
  throw new BenchError(`rows answer differently, so that their times mean nothing\n${both}`);
}

async function askOnce(row, stage) {
  const server = await Server.start(row, stage);
  try {
    return await fetchAnswer(server, requestText(row.settings.ask, server.port));
  } finally {
    await server.stop();
  }
}

function groupBy(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups.values();
}

function clip(answer) {
  return answer.length > 1000 ? `${answer.slice(0, 1000)}…` : answer;
}
