// Runs one target until its time is over: changes inputs, checks them, and keeps those that do something new.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.mjs';
import { MAX_INPUT_BYTES, mutate } from './mutate.mjs';
import { randomOf } from './random.mjs';

/** Branches that an input may take for each of its bytes (it is fed four times), and apart from them. */
const STEPS_PER_BYTE = 150;
const STEPS_ANYWAY = 15_000;
const REPORT_EVERY_MS = 10_000;

const { target, file, corpusFile, seed, minutes, save, shared, inputBytes } = workerData;
if (parentPort === null) throw new Error('this is a worker, which main.mjs starts');
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const heartbeat = new Int32Array(shared);
const current = new Uint8Array(inputBytes);

const coverage = new Coverage();
Object.assign(globalThis, { __branch: coverage.branch });
const { check, seeds, caseFromText, caseToText } = await import(pathToFileURL(file).href);

const random = randomOf(seed);
/** @type {Uint8Array[]} */
const corpus = [];
let executions = 0;
let dearest = 0;

/** @param {Uint8Array} input */
function execute(input) {
  heartbeat[0] = executions;
  heartbeat[1] = Math.min(input.length, MAX_INPUT_BYTES);
  current.set(input.subarray(0, MAX_INPUT_BYTES));
  coverage.begin();
  check(input);
  executions += 1;
  const allowed = STEPS_ANYWAY + STEPS_PER_BYTE * input.length;
  if (coverage.steps > allowed) throw new Error(`${coverage.steps} steps for ${input.length} bytes`);
  dearest = Math.max(dearest, coverage.steps / (input.length + 100));
}

/** @param {Uint8Array} input */
function tryInput(input) {
  try {
    execute(input);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    parentPort?.postMessage({ kind: 'finding', input: caseToText(input), error: text });
    return;
  }
  if (coverage.learn()) corpus.push(input);
}

/** What an input does, each thing as one number. @param {Uint8Array} input */
function featuresOf(input) {
  execute(input);
  return Array.from(coverage.features(), ([at, step]) => at * 256 + step);
}

/** Keeps the shortest inputs that do what the seeds, which are written elsewhere, do not. */
function minimised() {
  const seen = new Set(seeds().flatMap(featuresOf));
  const kept = [];
  for (const input of [...corpus].sort((a, b) => a.length - b.length)) {
    const added = featuresOf(input).filter((feature) => !seen.has(feature));
    if (added.length === 0) continue;
    const short = shortened(input, added);
    for (const feature of featuresOf(short)) seen.add(feature);
    kept.push(caseToText(short));
  }
  return kept;
}

/**
 * Leaves out what an input does not need to do certain things, in ever smaller pieces.
 *
 * @param {Uint8Array} input
 * @param {readonly number[]} needed
 */
function shortened(input, needed) {
  let short = Buffer.from(input);
  for (let size = short.length >> 1; size >= 1; size >>= 1) {
    for (let at = target.headerBytes; at < short.length; ) {
      const tried = Buffer.concat([short.subarray(0, at), short.subarray(at + size)]);
      const does = new Set(featuresOf(tried));
      if (needed.every((feature) => does.has(feature))) short = tried;
      else at += size;
    }
  }
  return short;
}

function heapMiB() {
  collect();
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20);
}

const initial = [...seeds(), ...readCorpus()];
for (const input of initial) tryInput(input);
const started = corpus.length;
const heapBefore = heapMiB();
const begin = Date.now();
const until = begin + minutes * 60_000;
let reported = begin;
while (Date.now() < until) {
  for (let round = 0; round < 200; round += 1) {
    // Half of the time from the newest: what was just found leads furthest.
    const newest = Math.max(1, corpus.length >> 3);
    const at = random(2) === 0 ? corpus.length - 1 - random(newest) : random(corpus.length);
    const other = corpus[random(corpus.length)] ?? Buffer.alloc(0);
    tryInput(mutate(corpus[at] ?? Buffer.alloc(3), other, target, random));
  }
  if (Date.now() - reported < REPORT_EVERY_MS) continue;
  reported = Date.now();
  parentPort.postMessage({ kind: 'progress', executions, corpus: corpus.length, features: coverage.size });
}
parentPort.postMessage({
  kind: 'done',
  executions,
  seconds: Math.round((Date.now() - begin) / 1000),
  seeds: initial.length,
  found: corpus.length - started,
  features: coverage.size,
  heapBefore,
  heapAfter: heapMiB(),
  dearest: Math.round(dearest),
  kept: save ? minimised() : [],
});

function readCorpus() {
  try {
    return readFileSync(corpusFile, 'utf8').split('\n').filter(Boolean).map(caseFromText);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
