import { once } from 'node:events';
import { connect } from 'node:net';
import { BenchError } from './bench-error.mjs';

/**
 * Asks twice over one connection, with the bytes that wrk sends.
 *
 * @param {import('./server.mjs').Server} server
 * @returns {Promise<string>} the first answer as latin1.
 * @throws BenchError when the connection does not last, or the second answer differs by more than its Date.
 */
export async function fetchAnswer(server) {
  const socket = connect(server.port, '127.0.0.1');
  socket.setTimeout(5_000, () => socket.destroy(new BenchError(`${server.row.title} does not answer`)));
  await once(socket, 'connect');
  try {
    const chunks = socket[Symbol.asyncIterator]();
    const first = await ask(socket, chunks, server);
    const second = await ask(socket, chunks, server);
    if (withoutDate(first) === withoutDate(second)) return first;
    throw new BenchError(`${server.row.title} answers twice differently\n${show(first)}\n${show(second)}`);
  } finally {
    socket.destroy();
  }
}

async function ask(socket, chunks, { port, row }) {
  socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  let answer = '';
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) throw new BenchError(`${row.title} closed the connection after\n${show(answer)}`);
    answer += value.toString('latin1');
    const headEnd = answer.indexOf('\r\n\r\n') + 4;
    if (headEnd < 4) continue;
    const length = Number(/^content-length: (\d+)\r$/im.exec(answer.slice(0, headEnd))?.[1]);
    if (!Number.isInteger(length) || answer.length > headEnd + length) {
      throw new BenchError(`${row.title}: not one answer with a Content-Length\n${show(answer)}`);
    }
    if (answer.length === headEnd + length) return answer;
  }
}

/**
 * Compares two answers, of which only the value of Date may differ.
 *
 * @param {string} reference @param {string} answer
 * @returns {'same bytes' | 'other case' | 'other case and order' | 'different'} each is as long as the reference but
 *   the last; "case" and "order" are about the names and the lines of the header.
 */
export function compareAnswers(reference, answer) {
  const [ours, theirs] = [withoutDate(reference), withoutDate(answer)];
  if (ours === theirs) return 'same bytes';
  if (lowerNames(ours) === lowerNames(theirs)) return 'other case';
  return sortedLines(ours) === sortedLines(theirs) ? 'other case and order' : 'different';
}

/** An answer with its line ends made visible. @param {string} answer */
export function show(answer) {
  return answer.replaceAll('\r', '\\r').replaceAll('\n', '\\n\n');
}

const IMF_FIXDATE = /^(date: )\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/im;

function withoutDate(answer) {
  return answer.replace(IMF_FIXDATE, '$1(now)\r');
}

function lowerNames(answer) {
  const [head, body] = split(answer);
  return `${head.replace(/^[\w-]+(?=:)/gm, (name) => name.toLowerCase())}\r\n\r\n${body}`;
}

function sortedLines(answer) {
  const [head, body] = split(lowerNames(answer));
  const [status, ...fields] = head.split('\r\n');
  return `${[status, ...fields.sort()].join('\r\n')}\r\n\r\n${body}`;
}

function split(answer) {
  const end = answer.indexOf('\r\n\r\n');
  return [answer.slice(0, end), answer.slice(end + 4)];
}
