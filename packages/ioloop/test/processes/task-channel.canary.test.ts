import { type ChildProcess, fork } from 'node:child_process';
import cluster from 'node:cluster';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformWithOxc } from 'vite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const SOURCE = fileURLToPath(new URL('../../src/processes/messages/task-channel.ts', import.meta.url));

/** Programs of a child, each on the functions of task-channel.ts. */
const PROGRAMS = {
  /** Reports the questions that it takes out, and the messages that the program gets; then which there are so far. */
  filter: `
    const asked = [];
    const heard = [];
    hearParent(({ topic }) => asked.push(topic));
    process.on('message', (message) => {
      heard.push(message);
      if (message === 'report') process.send({ asked, heard }, () => process.exit());
    });`,
  /** Reports the first secret, without a listener for messages. */
  silent: `
    hearParent(({ kind }) => process.send({ first: kind }, () => process.exit()));`,
  /** Reports the first question that it lets through, without a listener for messages. */
  answering: `
    hearParent(({ topic }) => process.send({ asked: topic }, () => process.exit()))();`,
  /** Listens for messages once a secret has come, and reports everything in order. */
  late: `
    const heard = [];
    hearParent(({ kind, topic }) => {
      heard.push(topic ?? kind);
      if (kind !== 'secret') return;
      process.on('message', (message) => {
        heard.push(message);
        if (message === 'report') process.send({ heard }, () => process.exit());
      });
    });`,
  /** Ends with 7 after it was stopped as an orphan, having lost a message. */
  orphan: `
    process.once('SIGTERM', () => {
      process.send('lost');
      setImmediate(() => process.exit(7));
    });
    setInterval(() => {}, 2 ** 30);
    await endWithParent(10_000);
    process.send('ready');`,
} as const;

type Program = keyof typeof PROGRAMS;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  // Compiled here, as a child of Node 20 reads no TypeScript, and the built package does not export these functions.
  const { code } = await transformWithOxc(readFileSync(SOURCE, 'utf8'), SOURCE);
  writeFileSync(join(folder, 'task-channel.mjs'), code);
  const imported = "import { endWithParent, hearParent } from './task-channel.mjs';";
  for (const [name, program] of Object.entries(PROGRAMS)) {
    writeFileSync(join(folder, `${name}.mjs`), `${imported}\n${program}\n`);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const fileOf = (program: Program) => join(folder, `${program}.mjs`);
const question = (topic: string) => ({ landspout: { kind: 'ask', id: 0, topic } });
const secret = { landspout: { kind: 'secret', generations: [], renewsInMs: 0 } };

function start(program: Program): ChildProcess {
  return killedAfterTest(fork(fileOf(program), { execArgv: [] }));
}

/** As a worker of node:cluster. */
function startWorker(program: Program): ChildProcess {
  cluster.setupPrimary({ exec: fileOf(program), args: [], execArgv: [] });
  const worker = cluster.fork();
  worker.on('error', () => {});
  return killedAfterTest(worker.process);
}

function killedAfterTest(child: ChildProcess): ChildProcess {
  onTestFinished(() => void child.kill('SIGKILL'));
  return child.on('error', () => {});
}

/** Waits for one event of a child. @throws an error that names what failed, after ten seconds. */
function eventOf(child: ChildProcess, event: 'message' | 'exit', internal: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`Node ${process.versions.node}: ${internal}`)), 10_000);
    child.once(event, (what: unknown) => {
      clearTimeout(late);
      resolve(what);
    });
  });
}

describe("what task-channel.ts relies on of Node's internals", () => {
  it('each message goes through `process.emit`, as it is then', async () => {
    const child = start('filter');
    for (const message of [question('first'), 'plain', question('second'), 'report']) child.send(message);
    const internal = 'messages of the parent do not go through a `process.emit` that was replaced';
    expect(await eventOf(child, 'message', internal), internal).toEqual({
      asked: ['first', 'second'],
      heard: ['plain', 'report'],
    });
  });

  it('messages are read once there is any listener for them', async () => {
    const internal = 'the channel is not read, although `message` has a listener';
    const silent = start('silent');
    silent.send(question('first'));
    silent.send(secret);
    expect(await eventOf(silent, 'message', internal), internal).toEqual({ first: 'secret' });
    const answering = start('answering');
    answering.send(question('first'));
    expect(await eventOf(answering, 'message', internal), internal).toEqual({ asked: 'first' });
  });

  it('messages and questions wait for a listener of the program, in order', async () => {
    const child = start('late');
    for (const message of ['first', question('second'), secret, 'report']) child.send(message);
    const internal = 'a listener is not announced by `newListener`';
    expect(await eventOf(child, 'message', internal), internal).toEqual({
      heard: ['secret', 'first', 'second', 'report'],
    });
  });

  it.each([
    ['a child', start, 'a message that is lost, or a channel that breaks, ends a child at once'],
    ['a worker of node:cluster', startWorker, 'a worker whose `exitedAfterDisconnect` is set ends at once'],
  ])('%s lives on when its channel breaks, and loses a message', async (_, begin, internal) => {
    const child = begin('orphan');
    await eventOf(child, 'message', 'the child never starts');
    const exit = eventOf(child, 'exit', 'the child does not notice that its channel breaks');
    child.disconnect();
    expect(await exit, internal).toBe(7);
  });
});
