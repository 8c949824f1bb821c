import { describe, expect, it } from 'vitest';
import type { ExampleProcess } from '../example-process.ts';
import { FRAMEWORKS, type Framework, hasTornado, startProgram } from './guide-program.ts';
import { type Received, RecordingClient } from './recording-client.ts';

/** What is different, and said on the page of the guide. */
export interface Differences {
  /** Names of headers. */
  readonly headers?: readonly string[];
  /** Attributes of cookies. */
  readonly cookies?: readonly string[];
  /** The pages of errors. */
  readonly errorPages?: boolean;
  /** White space between elements of pages. */
  readonly space?: boolean;
  /** The attribute `type` of elements that UI modules add. */
  readonly assetTypes?: boolean;
}

/** Sends requests to a program, and checks the responses. */
export type Visit = (client: RecordingClient, program: ExampleProcess) => Promise<void>;

/**
 * Describes a pair of servers: the program for Landspout responds as `visit` expects, and that for Tornado does the
 * same, with the same headers.
 *
 * @param name - the programs, such as `structure/routes`.
 * @param visit - is called for each of the two programs.
 * @param except - what is not compared.
 */
export function describePair(name: string, visit: Visit, except: Differences = {}): void {
  describe(`the guide's programs ${name}`, () => {
    let landspout: readonly Received[] | undefined;

    it('serve on Landspout', async () => {
      landspout = await play('Landspout', name, visit);
      expect(landspout).not.toEqual([]);
    });

    it.runIf(hasTornado)('respond alike on Tornado', async () => {
      const expected = landspout ?? (await play('Landspout', name, visit));
      const received = await play('Tornado', name, visit);
      expect(received.map((one) => without(one, except))).toEqual(
        expected.map((one) => without(one, except)),
      );
    });
  });
}

/** A program that ends by itself. @template Stage - what a test sets up for it. */
export interface Run<Stage extends AsyncDisposable> {
  /** Sets up what the program needs. */
  readonly stage?: () => Promise<Stage>;
  /** Its arguments. */
  readonly args?: (stage: Stage) => readonly string[];
  /** What it prints on standard output. */
  readonly output: (stage: Stage) => string;
  /** What it writes to standard error. Default: anything. */
  readonly logs?: RegExp;
}

const NOTHING: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} };

/** Describes a pair of programs that print the same, and end with exit code 0. */
export function describeOutput<Stage extends AsyncDisposable>(name: string, run: Run<Stage>): void {
  const { stage: setUp = async () => NOTHING as Stage, args = () => [], output, logs = /^/ } = run;
  describe(`the guide's programs ${name}`, () => {
    it.each(hasTornado ? FRAMEWORKS : (['Landspout'] as const))('print the same on %s', async (framework) => {
      await using stage = await setUp();
      await using program = startProgram(framework, name, args(stage));
      expect(await program.end(), program.output).toBe(0);
      expect(program.stdout).toBe(output(stage));
      expect(program.output).toMatch(logs);
    });
  });
}

async function play(framework: Framework, name: string, visit: Visit): Promise<readonly Received[]> {
  await using program = startProgram(framework, name);
  const client = new RecordingClient(await program.url());
  await visit(client, program);
  return client.received;
}

function without(received: Received, except: Differences): Received {
  const { headers = [], cookies = [], space, assetTypes, errorPages } = except;
  const kept = Object.entries(received.headers).filter(([name]) => !headers.includes(name));
  let { body } = received;
  if (assetTypes) body = body.replaceAll(/ type="text\/(?:css|javascript)"/g, '');
  if (space) body = body.replaceAll(/\s*(<[^>]*>)\s*/g, '$1');
  if (errorPages && received.status >= 400) body = '';
  return {
    ...received,
    headers: Object.fromEntries(kept),
    cookies: received.cookies.map((cookie) => withoutAttributes(cookie, cookies)),
    body,
  };
}

function withoutAttributes(cookie: string, attributes: readonly string[]): string {
  return cookie
    .split('; ')
    .filter((part) => !attributes.includes(part))
    .join('; ');
}
