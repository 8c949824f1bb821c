import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { SCENARIOS } from './examples.mjs';
import { ROOT } from './packages.mjs';
import { expectedBackend } from './run-program.mjs';
import { RunningExample } from './running-example.mjs';

const EXAMPLES = path.join(ROOT, 'apps/examples');

/** Copies the examples into a consumer, which compiles them with its other sources. @param {string} folder */
export function writeExamples(folder) {
  const own = path.join(folder, 'examples');
  mkdirSync(own);
  for (const name of exampleNames()) cpSync(path.join(EXAMPLES, `${name}.ts`), path.join(own, `${name}.ts`));
}

/**
 * Runs each example, as compiled in the consumer, through its scenario on both backends.
 *
 * @param {string} folder - the consumer.
 * @returns {Promise<number>} how many there are.
 */
export async function runExamples(folder) {
  const names = exampleNames();
  assert.deepEqual(Object.keys(SCENARIOS).sort(), names, 'examples.mjs has one scenario for each example');
  for (const backend of new Set([expectedBackend(folder), /** @type {const} */ ('portable')])) {
    for (const name of names) {
      try {
        await runScenario(folder, name, backend);
      } catch (error) {
        const { message } = /** @type {Error} */ (error);
        throw new Error(`apps/examples/${name}.ts, ${backend} backend: ${message}`, { cause: error });
      }
    }
  }
  return names.length;
}

/** @param {string} consumer @param {string} name @param {'native' | 'portable'} backend */
async function runScenario(consumer, name, backend) {
  const folder = path.join(consumer, 'examples');
  /** @type {RunningExample[]} */
  const programs = [];
  const launch = (/** @type {string} */ which, /** @type {string[]} */ ...args) => {
    const script = path.join(consumer, 'out/examples', `${which}.js`);
    const program = new RunningExample(which, {
      ...{ folder, script, backend },
      args: args.length === 0 ? ['0'] : args,
    });
    programs.push(program);
    return program;
  };
  try {
    await SCENARIOS[name]?.({ launch, start: (...what) => launch(...what).ready(), backend, folder });
    // The last one first: it may be connected to those before it.
    for (const program of programs.toReversed()) await program.stop();
  } finally {
    for (const program of programs) program.kill();
  }
}

function exampleNames() {
  return readdirSync(EXAMPLES)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.basename(file, '.ts'))
    .sort();
}
