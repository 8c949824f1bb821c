import { Buffer } from 'node:buffer';
import { randomOf } from './random.ts';

type Random = (below: number) => number;

const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'];
const TARGETS = ['/', '/a/b?c=d', '/%41?', '//x', 'http://b:80/x', 'https://[::1]/', '/a|b', '*', '/x;y=z,1'];
const HOSTS = ['a', 'example.com:80', '[::1]:8080', '127.0.0.1', 'a_b.c', '', 'x%41'];
const NAMES = ['X-A', 'accept', 'Cookie', '__proto__', "!#$%&'*+-.^_`|~", 'Via', 'Date', 'TE', 'Trailer'];
const VALUES = [
  '',
  'a',
  'a b\tc',
  '\xe4\xff',
  '"q, \\"r"',
  'a;b=c',
  ',,',
  '\t x \t',
  'Sun, 06 Nov 1994 08:49:37 GMT',
];
const EXTENSIONS = ['', '', '', ';a', ';a=b', ';a="b;c"', ';a=b;c'];
const CONNECTIONS = ['close', 'keep-alive', 'Close, x', 'x', 'KEEP-ALIVE', 'x,close'];
const STATUSES = [200, 201, 204, 205, 206, 301, 304, 404, 500, 599];
const REASONS = ['OK', '', 'Not Found', 'a\tb', '\xe4'];

/** Makes an input of one to three valid messages: requests for even seeds, responses for odd ones. */
export function generate(seed: number): Uint8Array {
  const random = randomOf(seed);
  const count = 1 + random(3);
  const isResponse = seed % 2 === 1;
  // 0x10 marks responses; the list of methods 3 is GET, GET and 6 is four times GET, see fuzz-case.ts.
  const header = Buffer.from([isResponse ? 0x16 : 0, 0, random(256)]);
  let wire = '';
  for (let at = 0; at < count; at += 1) wire += isResponse ? response(random) : request(random);
  return Buffer.concat([header, Buffer.from(wire, 'latin1')]);
}

function request(random: Random): string {
  const method = pick(random, METHODS);
  const target =
    method === 'OPTIONS' && random(2) === 0
      ? '*'
      : pick(
          random,
          TARGETS.filter((text) => text !== '*'),
        );
  const lines = [
    `${pick(random, ['Host', 'host', 'HOST'])}:${blanks(random)}${pick(random, HOSTS)}`,
    ...fields(random),
  ];
  if (random(8) === 0) lines.push('Expect: 100-continue');
  return message(random, `${method} ${target} HTTP/1.1`, lines, random(2) === 0);
}

function response(random: Random): string {
  const interim =
    random(6) === 0
      ? `HTTP/1.1 ${pick(random, [100, 102, 103])} x\r\n${random(2) === 0 ? 'Link: </x>\r\n' : ''}\r\n`
      : '';
  const status = pick(random, STATUSES);
  const line = `HTTP/1.1 ${status} ${pick(random, REASONS)}`;
  if (status === 204 || status === 304)
    return `${interim}${line}\r\n${fields(random)
      .map((field) => `${field}\r\n`)
      .join('')}\r\n`;
  return interim + message(random, line, fields(random), true);
}

function message(random: Random, line: string, lines: string[], hasBody: boolean): string {
  const body = pick(random, ['', 'x', 'hello', '\r\n0\r\n\r\n', '\x00\xff', 'GET / HTTP/1.1\r\n\r\n']);
  let wire = '';
  if (hasBody && random(2) === 0) {
    lines.push(`Content-Length:${blanks(random)}${body.length}`);
    wire = body;
  } else if (hasBody) {
    lines.push(`Transfer-Encoding:${blanks(random)}${pick(random, ['chunked', 'Chunked'])}`);
    wire = chunks(random, body);
  }
  const at = random(lines.length);
  const rotated = [...lines.slice(at), ...lines.slice(0, at)];
  return `${line}\r\n${rotated.map((text) => `${text}\r\n`).join('')}\r\n${wire}`;
}

function chunks(random: Random, body: string): string {
  let wire = '';
  for (let at = 0; at < body.length; ) {
    const piece = body.slice(at, at + 1 + random(6));
    wire += `${pick(random, ['', '0', '00'])}${piece.length.toString(16)}${pick(random, EXTENSIONS)}\r\n${piece}\r\n`;
    at += piece.length;
  }
  const trailers = random(3) === 0 ? fields(random).filter((field) => !/^(connection)/i.test(field)) : [];
  return `${wire}0${pick(random, EXTENSIONS)}\r\n${trailers.map((field) => `${field}\r\n`).join('')}\r\n`;
}

function fields(random: Random): string[] {
  const lines = Array.from(
    { length: random(5) },
    () => `${pick(random, NAMES)}:${blanks(random)}${pick(random, VALUES)}${blanks(random)}`,
  );
  if (random(5) === 0) lines.push(`Connection: ${pick(random, CONNECTIONS)}`);
  return lines;
}

function blanks(random: Random): string {
  return pick(random, ['', ' ', ' ', '\t ', '  ']);
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T;
}
