import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { during, startServer } from './child.mjs';
import { BenchError } from './machine.mjs';
import { missingBytes, split, withoutVariableParts } from './response-text.mjs';
import { responseFile } from './runtimes.mjs';
import { connectTls } from './tls/certificates.mjs';

/** What a browser sends to a page that it knows: its cookies fill the head of 800 bytes, the empty line included. */
const BROWSER_HEAD_BYTES = 800;
const BROWSER_FIELDS = [
  'Connection: keep-alive',
  'Cache-Control: max-age=0',
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'Cookie: theme=dark; session=',
];

/**
 * The bytes of a request, all of them ASCII.
 *
 * @param {{ browser?: boolean, path?: string, accepts?: string, upBytes?: number, body?: string, type?: string }} ask -
 *   whether the head is that of a browser; codings that are accepted; the length of a body, and what it is if that matters.
 * @param {{ port: number, cookie?: string }} server - and the cookie that it set.
 */
export function requestText({ browser = false, path = '/', accepts, upBytes = 0, ...ask }, { port, cookie }) {
  const head = `${upBytes > 0 ? 'POST' : 'GET'} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;
  const filler = '0123456789abcdef';
  if (browser)
    return `${(head + BROWSER_FIELDS.join('\r\n')).padEnd(BROWSER_HEAD_BYTES - 4, filler)}\r\n\r\n`;
  const codings = accepts === undefined ? '' : `Accept-Encoding: ${accepts}\r\n`;
  const cookies = cookie === undefined ? '' : `Cookie: ${cookie}\r\n`;
  if (upBytes === 0) return `${head}${codings}${cookies}\r\n`;
  const { body = 'x'.repeat(upBytes), type = 'application/octet-stream' } = ask;
  return `${head}${cookies}Content-Type: ${type}\r\nContent-Length: ${upBytes}\r\n\r\n${body}`;
}

/** Compares the responses of rows, each server once for each request, and keeps them as files. */
export class Responses {
  #rows;
  #stage;
  #texts = new Map();

  /** @param {readonly import('./harness.mjs').Row[]} rows @param {import('./machine.mjs').Stage} stage */
  constructor(rows, stage) {
    this.#rows = rows;
    this.#stage = stage;
  }

  /** How the response of a row differs from that of the first row with the same request. @throws BenchError */
  async verify(row) {
    const alike = this.#rows.filter(({ ask, program }) => ask?.id === row.ask.id && program !== undefined);
    const reference = alike.find(({ mayFail }) => !mayFail) ?? alike[0];
    if (reference === undefined)
      throw new BenchError('the floor sends the response of another row: choose one more');
    const expected = await this.#textOf(reference);
    if (row.native !== undefined) writeFileSync(responseFile(row, this.#stage), expected, 'latin1');
    return compareResponses(expected, await this.#textOf(row), row);
  }

  /** Asks a server of its own, once; what failed once fails again. */
  #textOf(row) {
    const file = responseFile(row, this.#stage);
    if (!this.#texts.has(file)) this.#texts.set(file, this.#fetch(row, file));
    return this.#texts.get(file);
  }

  async #fetch(row, file) {
    return during(await startServer(row, this.#stage), async (server) => {
      const text = await fetchResponse(server, requestText(row.ask, server));
      writeFileSync(file, text, 'latin1');
      return text;
    });
  }
}

/**
 * Sends a request twice over one connection.
 *
 * @param {{ port: number, row: { title: string }, certificate?: string }} server - over TLS with the file of its certificate.
 * @param {string} request
 * @returns {Promise<string>} the first response as latin1.
 * @throws BenchError if the connection does not last, or the second response differs by more than its Date.
 */
export async function fetchResponse({ port, row, certificate }, request) {
  const socket = await connectTo(port, certificate);
  socket.setTimeout(5_000, () => socket.destroy(new BenchError(`${row.title} does not respond`)));
  const chunks = socket[Symbol.asyncIterator]();
  const exchange = () => {
    socket.write(request, 'latin1');
    return readResponse(chunks, row);
  };
  try {
    const [first, second] = [await exchange(), await exchange()];
    if (withoutVariableParts(first) === withoutVariableParts(second)) return first;
    throw new BenchError(`${row.title} responds twice differently\n${show(first)}\n${show(second)}`);
  } finally {
    socket.destroy();
  }
}

/** Tries again for five seconds while the connection is refused: nginx cannot say when it listens. */
async function connectTo(port, certificate) {
  for (let tries = 0; ; tries += 1) {
    try {
      if (certificate !== undefined) return await connectTls(port, certificate);
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (error.code !== 'ECONNREFUSED' || tries === 500) throw error;
      await sleep(10);
    }
  }
}

async function readResponse(chunks, { title }) {
  for (let text = ''; ; ) {
    const { done, value } = await chunks.next();
    if (done) throw new BenchError(`${title} closed the connection after\n${show(text)}`);
    text += value.toString('latin1');
    const missing = missingBytes(text);
    if (missing === undefined || missing > 0) continue;
    if (missing === 0) return text;
    throw new BenchError(`${title}: not one response of known length\n${show(text)}`);
  }
}

/**
 * How a response differs from the one that is expected, whatever the value of its Date: `same bytes`, `other chunks`,
 * `other case or order` of header fields, or for another runtime than Node and if `ask.anyFields` the fields, such as
 * `also vary: accept-encoding`; with `anyFields` also the reason phrase. Of a file, whose validators each server makes in its own way, all may have `fields of its
 * own`. Bodies that are coded compare decoded, and what was sent comes first, such as `1,234 B of gzip; same bytes`.
 *
 * @param {string} expected @param {string} response
 * @param {{ title: string, runtime?: string, ask?: { isFile?: boolean, anyFields?: boolean } }} row
 * @throws BenchError if more differs.
 */
export function compareResponses(expected, response, row) {
  const [ours, theirs] = [expected, response].map(split);
  const isSame = withoutVariableParts(expected) === withoutVariableParts(response);
  const difference = isSame ? 'same bytes' : differenceOf(ours, theirs, row);
  if (difference === undefined) {
    const both = `expected:\n${show(expected)}\n\n${row.title}:\n${show(response)}`;
    throw new BenchError(`rows differ, so that their times mean nothing\n${both}`);
  }
  return [theirs.how ?? [], difference].flat().join('; ');
}

/** Undefined if it is none that a row may have. */
function differenceOf(ours, theirs, { runtime, ask }) {
  if (ours.body !== theirs.body || ours.isCoded !== theirs.isCoded) return undefined;
  if (!ours.isCoded && ours.head === theirs.head) return 'other chunks';
  if (ask?.anyFields) return codeOf(ours) === codeOf(theirs) ? fieldsThatDiffer(ours, theirs) : undefined;
  if (ours.status !== theirs.status) return undefined;
  if (ours.fields.join() === theirs.fields.join())
    return theirs.isCoded ? 'same body' : 'other case or order';
  if (ask?.isFile) return 'fields of its own';
  return runtime === undefined ? undefined : fieldsThatDiffer(ours, theirs);
}

const codeOf = ({ status }) => status.split(' ')[1];

/** Of the lines of two heads. */
function fieldsThatDiffer(...heads) {
  const [ours, theirs] = heads.map(({ status, fields }) => [status, ...fields]);
  const missing = (from, word, others) =>
    from.filter((field) => !others.includes(field)).map((field) => `${word} ${field}`);
  const difference = [...missing(theirs, 'also', ours), ...missing(ours, 'without', theirs)];
  return difference.length === 0 ? 'other case or order' : difference.join(', ');
}

/** The beginning of a response with its line ends made visible. */
function show(response) {
  return response.slice(0, 1000).replaceAll('\r', '\\r').replaceAll('\n', '\\n\n');
}
