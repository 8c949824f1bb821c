// The parser of node:http alone, without its server: the same door in Node 20 to 26, and not a public one.
// @ts-expect-error It has no types.
import common from 'node:_http_common';
import { Buffer } from 'node:buffer';
import type { FuzzCase } from './fuzz-case.ts';

/** A message as both parsers can tell it. */
export interface ReadMessage {
  /** Method and target, or status and reason. */
  readonly line: readonly [string, string];
  readonly version: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly keepAlive: boolean;
  /** Whether HTTP ends behind it. */
  readonly last: boolean;
  body: string;
  trailers: readonly (readonly [string, string])[];
  ended: boolean;
}

export interface ReadRun {
  readonly messages: ReadMessage[];
  /** The code of an error, or `wait`. */
  outcome: string;
}

interface NodeParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Buffer): number | (Error & { code: string });
  finish(): undefined | (Error & { code: string });
  close(): void;
  [callback: number]: (...args: never[]) => unknown;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnMessageBegin: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const { HTTPParser, methods } = common as { HTTPParser: NodeParserClass; methods: readonly string[] };

const MAX_HEAD_BYTES = 64 * 1024;
/** What the callback for a head answers: go on, no body, no HTTP any more. */
const GO_ON = 0;
const NO_BODY = 1;
const NO_HTTP = 2;

/** Reads a wire with the parser of node:http, told what its server and its client tell it. */
export function readByNode(fuzzed: FuzzCase): ReadRun {
  const run: ReadRun = { messages: [], outcome: 'wait' };
  const parser = new HTTPParser();
  const isRequest = fuzzed.methods === undefined;
  parser.initialize(isRequest ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, MAX_HEAD_BYTES, 0);
  let fields: string[] = [];
  let answered = 0;
  const done = (): boolean => run.messages.at(-1)?.last === true && run.messages.at(-1)?.ended === true;
  const allAnswered = (): boolean => !isRequest && answered === fuzzed.methods?.length;
  let target = '';
  parser[HTTPParser.kOnMessageBegin] = () => {
    fields = [];
    target = '';
  };
  // Called for fields that are too many for one call, with the target, and for trailers.
  parser[HTTPParser.kOnHeaders] = (more: string[], url: string) => {
    fields.push(...more);
    target += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    major: number,
    minor: number,
    all: string[] | undefined,
    method: number,
    url: string | undefined,
    status: number,
    reason: string,
    upgrade: boolean,
    keepAlive: boolean,
  ): number => {
    const asked = fuzzed.methods?.[answered];
    const interim = !isRequest && status < 200 && status !== 101;
    const tunnel = asked === 'CONNECT' && status >= 200 && status < 300;
    const name = methods[method] ?? '';
    const last = isRequest ? upgrade || name === 'CONNECT' : status === 101 || tunnel;
    run.messages.push({
      line: isRequest ? [name, url ?? target] : [String(status), reason],
      version: `HTTP/${major}.${minor}`,
      fields: pairs(all ?? fields),
      keepAlive,
      last,
      body: '',
      trailers: [],
      ended: false,
    });
    fields = [];
    if (!isRequest && !interim) answered += 1;
    if (last) return NO_HTTP;
    return interim || asked === 'HEAD' ? NO_BODY : GO_ON;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    const message = run.messages.at(-1);
    if (message !== undefined) message.body += chunk.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    const message = run.messages.at(-1);
    if (message === undefined) return;
    message.trailers = pairs(fields);
    fields = [];
    message.ended = true;
  };
  const result = parser.execute(Buffer.from(fuzzed.wire));
  // Behind the last message comes something else, which is not the parser's to judge.
  if (result instanceof Error && !done()) run.outcome = result.code;
  else if (fuzzed.eof && !isRequest && !done() && !(allAnswered() && run.messages.at(-1)?.ended === true)) {
    const end = parser.finish();
    if (end instanceof Error) run.outcome = end.code;
  }
  parser.close();
  return run;
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []));
}
