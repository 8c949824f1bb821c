import { readFileSync } from 'node:fs';
import { DEFAULT_LIMITS } from '../src/protocol/grammar/limits.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { FuzzFinding, type FuzzMessage, runCase } from './fuzz-run.ts';
import { type ReadMessage, type ReadRun, readByNode } from './node-parser.ts';

/** What we do where Node does something else, with one wire. */
export interface Difference {
  /** `accept`, `wait` or the code of an error. */
  readonly we: string;
  readonly node: string;
  /** The part of a message that both read in two ways, or `whole` where one does not read it. */
  readonly part: string;
  readonly direction: 'requests' | 'responses';
  /** For responses a line with the methods that were asked for, then the wire; latin1. */
  readonly wire: string;
}

/** One section of `differences.md`: differences that are intended. */
export interface Rule {
  readonly name: string;
  readonly we: readonly string[];
  readonly node: readonly string[];
  readonly parts: readonly string[];
  readonly direction: string;
  readonly when: RegExp;
}

/** Limits that no short input meets: they are ours alone, and no matter of grammar. */
const LIMITS = {
  ...DEFAULT_LIMITS,
  maxHeaders: 100_000,
  maxBodyBytes: Number.MAX_SAFE_INTEGER,
  maxInterimResponses: 100_000,
};

/** Reads the rules from the lists of `differences.md`. */
export function readRules(): Rule[] {
  const text = readFileSync(new URL('differences.md', import.meta.url), 'utf8');
  return text
    .split(/^##? /m)
    .filter((section) => /^- in: /m.test(section))
    .map((section) => {
      const name = section.slice(0, section.indexOf('\n')).trim();
      const item = (key: string): string => new RegExp(`^- ${key}: (.*)$`, 'm').exec(section)?.[1] ?? '';
      const codes = (key: string): string[] =>
        Array.from(item(key).matchAll(/`([^`]+)`/g), ([, code]) => code ?? '');
      const rule = {
        name,
        we: codes('we'),
        node: codes('Node'),
        parts: item('part') === '' ? ['whole'] : codes('part'),
        direction: item('in'),
        when: new RegExp(/^`(.*)`$/.exec(item('when'))?.[1] ?? '', 'is'),
      };
      if (
        rule.we.length === 0 ||
        rule.node.length === 0 ||
        !/^(requests|responses|both)$/.test(rule.direction)
      ) {
        throw new Error(`differences.md: ${name} lacks an item`);
      }
      return rule;
    });
}

/** Names the rule that a difference falls under, or answers undefined. */
export function ruleOf(difference: Difference, rules: readonly Rule[]): Rule | undefined {
  return rules.find(
    ({ we, node, parts, direction, when }) =>
      we.includes(difference.we) &&
      node.includes(difference.node) &&
      parts.includes(difference.part) &&
      (direction === 'both' || direction === difference.direction) &&
      when.test(difference.wire),
  );
}

/** Reads one input with our decoder and with Node's parser. Answers undefined where they agree. */
export function compare(input: FuzzCase): Difference | undefined {
  const fuzzed = { ...input, limits: LIMITS };
  const ours = readByUs(fuzzed);
  const theirs = readByNode(fuzzed);
  const direction = fuzzed.methods === undefined ? 'requests' : 'responses';
  const asked = fuzzed.methods === undefined ? '' : `${fuzzed.methods.join()}\n`;
  const wire = asked + fuzzed.wire.toString('latin1');
  for (let at = 0; ; at += 1) {
    const our = ours.messages[at];
    const their = theirs.messages[at];
    const we = our?.ended === true ? 'accept' : ours.outcome;
    const node = their?.ended === true ? 'accept' : theirs.outcome;
    if (we.startsWith('ERR_') && node.startsWith('HPE_')) return undefined;
    if (we !== node) return { we, node, part: 'whole', direction, wire };
    if (our === undefined || their === undefined) return undefined;
    const part = partThatDiffers(our, their);
    if (part !== undefined) return { we, node, part, direction, wire };
    if (we === 'wait' || our.last || their.last || !our.keepAlive) return undefined;
    if (fuzzed.methods !== undefined && isAnswered(ours, at, fuzzed.methods.length)) return undefined;
  }
}

/** Whether the message at `at` is the last that a request asked for. What follows is no matter of the grammar. */
function isAnswered(run: ReadRun, at: number, count: number): boolean {
  const final = run.messages
    .slice(0, at + 1)
    .filter(({ line }) => Number(line[0]) >= 200 || line[0] === '101');
  return final.length >= count;
}

function partThatDiffers(our: ReadMessage, their: ReadMessage): string | undefined {
  const parts = ['line', 'version', 'fields', 'keepAlive', 'body', 'trailers', 'last'] as const;
  // A body that is not complete may be so in two ways: one parser may wait where the other has not delivered.
  const ended = our.ended && their.ended;
  // Where HTTP ends there is nothing that could persist.
  const last = our.last && their.last;
  return parts.find((part) => {
    if ((part === 'body' && !ended) || (part === 'keepAlive' && last)) return false;
    return JSON.stringify(our[part]) !== JSON.stringify(their[part]);
  });
}

function readByUs(fuzzed: FuzzCase): ReadRun {
  const run = runCase(fuzzed, [fuzzed.wire], false);
  const outcome = run.outcome.startsWith('ERR_') ? run.outcome : 'wait';
  let answered = 0;
  const messages = run.messages.map((message) => {
    const asked = fuzzed.methods?.[answered] ?? '';
    if (!message.interim) answered += 1;
    return readMessage(message, asked);
  });
  return { messages, outcome };
}

function readMessage({ head, body, trailers, ended }: FuzzMessage, asked: string): ReadMessage {
  const isRequest = 'method' in head;
  return {
    line: isRequest ? [head.method, head.target] : [String(head.status), head.reason],
    version: head.version,
    fields: head.headers.getAll(),
    keepAlive: head.keepAlive,
    last: isRequest
      ? head.upgrade !== '' || head.method === 'CONNECT'
      : head.status === 101 || (asked === 'CONNECT' && head.status >= 200 && head.status < 300),
    body,
    trailers: trailers?.getAll() ?? [],
    ended,
  };
}

/** The finding that a difference makes which no rule intends. */
export function unclassified(difference: Difference): FuzzFinding {
  const { we, node, part, direction, wire } = difference;
  return new FuzzFinding(`${direction}: we ${we}, Node ${node}, ${part}: ${JSON.stringify(wire)}`);
}
