import { describe, expect, it } from 'vitest';
import type { ExampleProcess } from '../example-process.ts';
import { type Framework, hasTornado, startProgram } from './guide-program.ts';
import { type Received, RecordingClient } from './recording-client.ts';

/** What is different, and said on the page of the guide. */
export interface Differences {
  /** Names of headers. */
  readonly headers?: readonly string[];
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

async function play(framework: Framework, name: string, visit: Visit): Promise<readonly Received[]> {
  await using program = startProgram(framework, name);
  const client = new RecordingClient(await program.url());
  await visit(client, program);
  return client.received;
}

function without(received: Received, { headers = [] }: Differences): Received {
  const kept = Object.entries(received.headers).filter(([name]) => !headers.includes(name));
  return { ...received, headers: Object.fromEntries(kept) };
}
