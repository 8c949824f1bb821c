// Kills a process that writes to a journal, again and again, and checks after each kill that everything it had
// acknowledged is there, once and in order: `node packages/topics/scripts/journal-kills.mjs --kills 200 --seed 1`, after
// a build. Prints a table of counts, and ends with 1 at the first loss. With the same seed, the same is written and the
// kills come after the same acknowledgements.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { JournalBackplane } from '@landspout/topics';

const SETTINGS = { maxRecords: 1e6, maxBytes: 1e9, maxAgeMs: 1e9, dedupeMs: 1e9, maxDedupeIds: 1e6 };
/** What is written to the first topics is soon dead, so that there is something to compact. */
const SHORT = { ...SETTINGS, maxRecords: 5 };
const RUN_SETTINGS = { maxRecords: 1e6, maxBytes: 1e9, leaseMs: 1e6, ttlMs: 1e9, maxDurationMs: 1e9 };
const PAGE = { maxRecords: 500, maxBytes: 1e6 };
const TOPICS = 12;
const SHORT_TOPICS = 8;
/** Each folder is used for so many kills. The options of the journal change with the folder. */
const KILLS_PER_FOLDER = 10;
const VARIANTS = [
  { segmentBytes: 16 * 1024 },
  { segmentBytes: 64 * 1024 },
  { segmentBytes: 4096, durability: 'batched', syncMs: 1 },
  { segmentBytes: 1024 * 1024 },
  { segmentBytes: 8192, durability: 'each' },
  // Less than is written: the oldest records, topics and runs go.
  { segmentBytes: 16 * 1024, maxHistoryBytes: 40_000, maxTopics: 10, maxRuns: 50 },
];

/**
 * What a writer reports, one in a line: `sent` before a call, `done` after it has settled.
 *
 * @typedef {{ how: 'sent' | 'done', what: 'record' | 'delete' | 'write' | 'end', log: string, n: number, cursor?: string }} Report
 */

const silent = { debug() {}, info() {}, warn() {}, error() {} };

if (process.argv[2] === 'writer') await write(JSON.parse(process.argv[3] ?? '{}'));
else await main();

/** @param {number} seed */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// The process that is killed.

/** @param {{ folder: string, options: object, seed: number, next: Record<string, number>, round: number }} task */
async function write({ folder, options, seed, next, round }) {
  const backplane = await JournalBackplane.open({ folder, ...options, logger: silent });
  const random = randomOf(seed);
  // Synchronously, so that what was reported is not lost with the process: process.stdout would queue it.
  /** @param {Report} report */
  const report = (report) => writeSync(1, `${JSON.stringify(report)}\n`);
  await Promise.all([
    ...Array.from({ length: TOPICS }, (_, index) =>
      publish(`topic ${index}`, index < SHORT_TOPICS ? SHORT : SETTINGS),
    ),
    publishAndDelete('deleted'),
    writeRuns('a'),
    writeRuns('b'),
  ]);

  /** @param {string} log @param {number} n @param {object} settings */
  async function append(log, n, settings) {
    const length = settings === SHORT ? random() ** 3 * 4000 : random() * 100;
    const payload = JSON.stringify({ n, text: 'x'.repeat(length) });
    report({ how: 'sent', what: 'record', log, n });
    const id = n % 2 === 0 ? undefined : `${log} ${n}`;
    const cursor = await backplane.append(log, { payload, id }, settings);
    report({ how: 'done', what: 'record', log, n, cursor });
  }

  /** @param {string} log @param {object} settings */
  async function publish(log, settings) {
    for (let n = next[log] ?? 0; ; ) {
      const burst = 1 + Math.floor(random() * 6);
      await Promise.all(Array.from({ length: burst }, (_, index) => append(log, n + index, settings)));
      n += burst;
    }
  }

  /** @param {string} log */
  async function publishAndDelete(log) {
    for (let n = next[log] ?? 0; ; n += 1) {
      await append(log, n, SETTINGS);
      if (random() > 0.1) continue;
      report({ how: 'sent', what: 'delete', log, n });
      await backplane.delete(log);
      report({ how: 'done', what: 'delete', log, n });
    }
  }

  /** @param {string} name */
  async function writeRuns(name) {
    for (let count = 0; ; count += 1) {
      const log = `run ${round} ${name} ${count}`;
      const { token } = await backplane.claimRun({ id: log, owner: 'o', input: '1', settings: RUN_SETTINGS });
      const length = Math.floor(random() * 40);
      for (let n = 0; n < length; n += 1) {
        report({ how: 'sent', what: 'write', log, n });
        const cursor = await backplane.writeRun(log, token, JSON.stringify({ n }));
        report({ how: 'done', what: 'write', log, n, cursor });
      }
      report({ how: 'sent', what: 'end', log, n: length });
      await backplane.endRun(log, token, { how: 'finished', result: String(length) });
      report({ how: 'done', what: 'end', log, n: length });
    }
  }
}

// The process that kills.

async function main() {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const [kills, seed] = [Number(values.kills), Number(values.seed)];
  const counts = {
    kills: 0,
    early: 0,
    compacting: 0,
    compacted: 0,
    files: 0,
    acknowledged: 0,
    found: 0,
    runs: 0,
    problems: 0,
  };
  const random = randomOf(seed);
  for (let first = 0; first < kills; first += KILLS_PER_FOLDER) {
    const folder = mkdtempSync(join(tmpdir(), 'journal-kills-'));
    const options = VARIANTS[(first / KILLS_PER_FOLDER) % VARIANTS.length] ?? {};
    /** @type {Map<string, Book> & { base?: string }} */
    const books = new Map();
    try {
      for (let round = first; round < Math.min(kills, first + KILLS_PER_FOLDER); round += 1) {
        await killOnce(folder, options, round, books, random, counts);
        await check(folder, options, books, random() < 0.5, counts);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  if (values.json) console.log(JSON.stringify(counts));
  else console.table({ [`seed ${seed}`]: counts });
  if (counts.problems > 0) process.exitCode = 1;
}

/**
 * What was reported of one log.
 *
 * @typedef {{ sent: Set<number>, done: Map<number, string>, next: number, deleteSent: boolean, isEndDone: boolean }} Book
 */

/** @param {Map<string, Book>} books @param {string} log @returns {Book} */
function bookOf(books, log) {
  let book = books.get(log);
  if (book === undefined) {
    book = { sent: new Set(), done: new Map(), next: 0, deleteSent: false, isEndDone: false };
    books.set(log, book);
  }
  return book;
}

/** Starts a writer, and kills it after a number of acknowledgements. */
async function killOnce(folder, options, round, books, random, counts) {
  const next = Object.fromEntries([...books].map(([log, book]) => [log, book.next]));
  const task = JSON.stringify({ folder, options, seed: Math.floor(random() * 2 ** 31), next, round });
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'writer', task], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A few are killed while they open the journal.
  const isEarly = random() < 0.1;
  const killAfter = 1 + Math.floor(random() ** 2 * 3000);
  let done = 0;
  if (isEarly) setTimeout(() => child.kill('SIGKILL'), 50 + random() * 150);
  const exited = new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  for await (const line of createInterface(child.stdout)) {
    const report = readReport(line);
    if (report === undefined) continue;
    note(bookOf(books, report.log), report);
    if (report.how === 'done') done += 1;
    if (done === killAfter) child.kill('SIGKILL');
  }
  const end = await exited;
  if (end !== 'SIGKILL') throw new Error(`the writer ended by itself: ${end}`);
  const names = readdirSync(folder);
  counts.kills += 1;
  counts.acknowledged += done;
  if (isEarly && done < killAfter) counts.early += 1;
  if (names.some((name) => name.endsWith('.tmp'))) counts.compacting += 1;
  counts.files = Math.max(counts.files, names.length);
  const base = names.find((name) => name.endsWith('.base-0000')) ?? '';
  if (base !== books.base) counts.compacted += 1;
  books.base = base;
}

/** @param {string} line @returns {Report | undefined} */
function readReport(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // the kill has cut it off
  }
}

/** @param {Book} book @param {Report} report */
function note(book, { how, what, n, cursor }) {
  if (what === 'record' || what === 'write') {
    if (how === 'sent') book.sent.add(n);
    else book.done.set(n, cursor ?? '');
    if (how === 'done') book.next = Math.max(book.next, n + 1);
  } else if (what === 'end') {
    book.isEndDone ||= how === 'done';
  } else if (how === 'sent') {
    book.deleteSent = true;
  } else {
    book.deleteSent = false;
    book.done.clear();
    book.sent.clear();
  }
}

/** Opens the journal, or a copy of it, and compares it with what was reported. */
async function check(folder, options, books, isCopy, counts) {
  const place = isCopy ? mkdtempSync(join(tmpdir(), 'journal-kills-copy-')) : folder;
  if (isCopy) cpSync(folder, place, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  const backplane = await JournalBackplane.open({ folder: place, ...options, logger: silent });
  const problems = [];
  for (const [log, book] of books) {
    if (log.startsWith('run')) await checkRun(backplane, log, book, problems, counts, options);
    else await checkTopic(backplane, log, book, problems, counts, options);
  }
  if (!isCopy) await endRuns(backplane, problems);
  await backplane.close();
  if (isCopy) rmSync(place, { recursive: true, force: true });
  counts.problems += problems.length;
  for (const problem of problems.slice(0, 5)) console.error(problem);
}

async function readAll(backplane, log) {
  const records = [];
  for (let from = { start: true }; ; ) {
    const page = await backplane.read(log, from, PAGE);
    records.push(...page.records.map((record) => ({ n: record.data.n, cursor: record.cursor })));
    if (!page.more) return { records, end: page.end };
    from = { after: page.cursor };
  }
}

async function checkTopic(backplane, name, book, problems, counts, { maxHistoryBytes }) {
  const { records } = await readAll(backplane, { kind: 'topic', name });
  counts.found += records.length;
  const isShort = Number(/^topic (\d+)$/.exec(name)?.[1] ?? TOPICS) < SHORT_TOPICS;
  const isLimited = maxHistoryBytes !== undefined;
  const oldest = records[0]?.n ?? (isLimited ? Number.POSITIVE_INFINITY : 0);
  // A delete that was sent may have been done.
  if (!book.deleteSent) compare(name, book, records, isShort || isLimited ? oldest : 0, problems);
  if (isShort && !isLimited && book.done.size > 0 && records.length === 0)
    problems.push(`${name}: everything is lost`);
  book.next = Math.max(book.next, (records.at(-1)?.n ?? -1) + 1);
}

async function checkRun(backplane, name, book, problems, counts, { maxRuns }) {
  counts.runs += 1;
  const log = await readAll(backplane, { kind: 'run', name }).catch((error) => {
    if (maxRuns === undefined || error.code !== 'ERR_RUN_NOT_FOUND') throw error;
    return undefined;
  });
  if (log === undefined) return; // forgotten for others
  const { records, end } = log;
  counts.found += records.length;
  compare(name, book, records, 0, problems);
  if (book.isEndDone && end?.how !== 'finished') problems.push(`${name}: its end is lost`);
}

/** Everything acknowledged from `first` on is there with its cursor, once, and in order. */
function compare(name, book, records, first, problems) {
  const found = new Map(records.map(({ n, cursor }) => [n, cursor]));
  if (found.size !== records.length) problems.push(`${name}: a record is there twice`);
  if (records.some(({ n }, index) => index > 0 && n <= records[index - 1].n))
    problems.push(`${name}: wrong order`);
  for (const [n, cursor] of book.done) {
    if (n < first) continue;
    if (found.get(n) !== cursor)
      problems.push(`${name}: ${n} was acknowledged as ${cursor}, and is ${found.get(n)}`);
  }
  for (const n of found.keys()) if (!book.sent.has(n)) problems.push(`${name}: ${n} was never written`);
}

/** All runs without an end can be claimed, each once. */
async function endRuns(backplane, problems) {
  const claimed = new Set();
  for (let claim = await backplane.claimExpiredRun(); claim; claim = await backplane.claimExpiredRun()) {
    if (claimed.has(claim.run.id)) problems.push(`${claim.run.id} was claimed twice`);
    claimed.add(claim.run.id);
    if (claim.token < 2) problems.push(`${claim.run.id}: the token did not grow`);
    await backplane.endRun(claim.run.id, claim.token, { how: 'interrupted' });
  }
}
