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

/** Something that a test sets up for a program, such as a server that it sends requests to. */
export interface Stage extends AsyncDisposable {
  readonly url: string;
}

/**
 * Describes a pair of servers: the program for Landspout responds as `visit` expects, and that for Tornado does the
 * same, with the same headers.
 *
 * @param name - the programs, such as `structure/routes`.
 * @param visit - is called for each of the two programs.
 * @param except - what is not compared.
 * @param stage - sets up what the programs need. Its URL is their argument.
 */
export function describePair(name: string, visit: Visit, except: Differences = {}, stage = nothing): void {
  describe(`the guide's programs ${name}`, () => {
    let landspout: readonly Received[] | undefined;

    it('serve on Landspout', async () => {
      landspout = await play('Landspout', name, visit, stage);
      expect(landspout).not.toEqual([]);
    });

    it.runIf(hasTornado)('respond alike on Tornado', async () => {
      const expected = landspout ?? (await play('Landspout', name, visit, stage));
      const received = await play('Tornado', name, visit, stage);
      expect(received.map((one) => without(one, except))).toEqual(
        expected.map((one) => without(one, except)),
      );
    });
  });
}

/** A program that ends by itself. */
export interface Run {
  /** Its arguments, after the URL of the stage. Default: none. */
  readonly args?: readonly string[];
  /** What it prints on standard output. */
  readonly output: (url: string) => string;
  /** What it writes to standard error. Default: anything. */
  readonly logs?: RegExp;
}

/** Describes a pair of programs that print the same, and end with exit code 0. @param stage - as for pairs of servers. */
export function describeOutput(name: string, { args = [], output, logs = /^/ }: Run, stage = nothing): void {
  describe(`the guide's programs ${name}`, () => {
    it.each(hasTornado ? FRAMEWORKS : (['Landspout'] as const))('print the same on %s', async (framework) => {
      await using site = await stage();
      await using program = startProgram(framework, name, [...argsOf(site), ...args]);
      expect(await program.end(), program.output).toBe(0);
      expect(program.stdout).toBe(output(site.url));
      expect(program.output).toMatch(logs);
    });
  });
}

async function nothing(): Promise<Stage> {
  return { url: '', [Symbol.asyncDispose]: async () => {} };
}

const argsOf = ({ url }: Stage) => (url === '' ? [] : [url]);

async function play(
  framework: Framework,
  name: string,
  visit: Visit,
  stage: () => Promise<Stage>,
): Promise<readonly Received[]> {
  await using site = await stage();
  await using program = startProgram(framework, name, argsOf(site));
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
