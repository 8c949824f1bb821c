import { randomUUID } from 'node:crypto';
import { sleep } from 'landspout';
import { type Backplane, type Run, RunError, Runs } from 'landspout/topics';
import { madeUpText } from './made-up-text.ts';

/** What a page may choose, and how long each word takes. */
export const SPEEDS = { slow: 300, medium: 150, fast: 10 } as const;
export type Speed = keyof typeof SPEEDS;

/** A record of a response: a piece of its text, or a note that another process goes on from here, and which. */
export type Piece = { readonly text: string } | { readonly continuedBy: Continuer };

/** The process that goes on with a response. */
export interface Continuer {
  readonly task: number | null;
  readonly pid: number;
}

/** What was asked. */
export interface Question {
  readonly text: string;
  readonly speed: Speed;
}

/** UTF-16 code units of a question. */
export const QUESTION_LENGTH = 200;
/** Responses that are being written at a time. */
const MAX_RESPONSES = 100;
/** Restarts that a response survives. */
const MAX_ATTEMPTS = 1_000;
const MAX_DURATION_MS = 10 * 60_000;
/** How long a process may be silent before another one goes on. Shorter than the default, because people wait for it. */
const LEASE_MS = 5_000;
/** All responses have the same: a visitor who has the address of a response may read and cancel it. */
const OWNER = 'a visitor';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const READERS_PREFIX = 'readers:';

export function isResponseId(id: string): boolean {
  return ID.test(id);
}

/** Whether a topic is for the presence of the tabs that read a response. */
export function isReadersTopic(topic: string): boolean {
  return topic.startsWith(READERS_PREFIX) && isResponseId(topic.slice(READERS_PREFIX.length));
}

/** The runs of the responses. Those that another process has left unfinished go on soon. */
export function openResponses(backplane: Backplane, { task, pid }: Continuer): Runs {
  const limits = {
    maxRuns: MAX_RESPONSES,
    maxAttempts: MAX_ATTEMPTS,
    maxDurationMs: MAX_DURATION_MS,
    leaseMs: LEASE_MS,
  };
  const runs: Runs = new Runs({
    backplane,
    ...limits,
    onInterrupted: () => (run) => continueResponse(runs, run as Run<Piece>, { task, pid }),
  });
  return runs;
}

/** Starts a response. @returns its id. */
export async function startResponse(runs: Runs, question: Question): Promise<string> {
  const id = randomUUID();
  const pieces = madeUpText(question.text);
  await runs.start<Piece>(id, { owner: OWNER, input: question }, (run) => write(run, pieces));
  return id;
}

/** Returns what was asked, or undefined if the response does not exist any more. */
export async function questionOf(runs: Runs, id: string): Promise<Question | undefined> {
  try {
    return isResponseId(id) ? ((await runs.info(id)).input as Question) : undefined;
  } catch (error) {
    if (error instanceof RunError && error.code === 'ERR_RUN_NOT_FOUND') return undefined;
    throw error;
  }
}

/** A word at a time, as a language model does. When the run is cancelled, the sleep rejects, and so does this. */
async function write(run: Run<Piece>, pieces: readonly string[]): Promise<void> {
  const { speed } = run.input as Question;
  for (const text of pieces) {
    await sleep(SPEEDS[speed], { signal: run.signal });
    await run.write({ text });
  }
}

/** A model would be given the text so far, and asked to go on; here, as many pieces are left out as were written. */
async function continueResponse(runs: Runs, run: Run<Piece>, continuedBy: Continuer): Promise<void> {
  const { text } = run.input as Question;
  const written = await countWritten(runs, run);
  await run.write({ continuedBy });
  await write(run, madeUpText(text).slice(written));
}

async function countWritten(runs: Runs, { id, cursor }: Run<Piece>): Promise<number> {
  let count = 0;
  const log = await runs.read<Piece>(id);
  if (log.cursor === cursor) return count;
  for await (const record of log.records()) {
    if ('text' in (record.data as Piece)) count += 1;
    if (record.cursor === cursor) break;
  }
  return count;
}
