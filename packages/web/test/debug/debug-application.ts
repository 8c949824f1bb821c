import { RequestHandler } from '../../src/index.ts';
import { ask, bodyOf, headerOf } from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';

/** The headers `Accept` of a browser and of a program. */
export const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
export const JSON_TYPE = 'application/json';

/** The problem document for developers. */
export interface DebugProblem {
  readonly title: string;
  readonly status: number;
  readonly exception: { readonly name: string; readonly code?: string; readonly message: string };
  readonly stack: readonly object[];
  readonly excerpt?: object;
  readonly causes: readonly object[];
}

interface RequestFacts {
  readonly path?: string;
  /** Lines of the head. */
  readonly fields?: readonly string[];
}

/** Serves an application whose only handler throws `error`, with the page for developers. */
export function withDebugApp(error: unknown, test: (running: Running) => Promise<void>): Promise<void> {
  class Throws extends RequestHandler {
    override get(): void {
      throw error;
    }
  }
  return withApp([['/*rest', Throws]], test, { serveTraceback: true });
}

async function bodyFor(error: unknown, accept: string, type: RegExp, facts: RequestFacts): Promise<string> {
  let body = '';
  await withDebugApp(error, async ({ port }) => {
    const { path = '/', fields = [] } = facts;
    const response = await ask(port, path, 'GET', `Accept: ${accept}`, ...fields);
    if (!type.test(headerOf(response, 'Content-Type') ?? '')) throw new Error(`not ${type}: ${response}`);
    body = Buffer.from(bodyOf(response), 'latin1').toString('utf8');
  });
  return body;
}

/** The page that a browser gets. */
export const pageOf = (error: unknown, facts: RequestFacts = {}): Promise<string> =>
  bodyFor(error, HTML, /^text\/html/, facts);

/** The document that a program gets. */
export async function problemOf(error: unknown): Promise<DebugProblem> {
  return JSON.parse(await bodyFor(error, JSON_TYPE, /^application\/problem\+json/, {})) as DebugProblem;
}

/** What curl gets. */
export const textOf = (error: unknown): Promise<string> => bodyFor(error, '*/*', /^text\/plain/, {});
