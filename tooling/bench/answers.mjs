import { once } from 'node:events';
import { connect } from 'node:net';
import { BenchError } from './bench-error.mjs';

/**
 * Asks twice over one connection.
 *
 * @param {import('./server.mjs').Server} server
 * @param {string} [request] - default: the bytes that wrk sends.
 * @returns {Promise<string>} the first answer as latin1.
 * @throws BenchError when the connection does not last, or the second answer differs by more than its Date.
 */
export async function fetchAnswer(
  server,
  request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`,
) {
  const socket = connect(server.port, '127.0.0.1');
  socket.setTimeout(5_000, () => socket.destroy(new BenchError(`${server.row.title} does not answer`)));
  await once(socket, 'connect');
  try {
    const chunks = socket[Symbol.asyncIterator]();
    const first = await ask(socket, chunks, server, request);
    const second = await ask(socket, chunks, server, request);
    if (withoutDate(first) === withoutDate(second)) return first;
    throw new BenchError(`${server.row.title} answers twice differently\n${show(first)}\n${show(second)}`);
  } finally {
    socket.destroy();
  }
}

async function ask(socket, chunks, { row }, request) {
  socket.write(request, 'latin1');
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

/**
 * What the head of an answer has and lacks beside the reference, whatever the case and the order of its fields.
 *
 * @param {string} reference @param {string} answer
 * @returns {string | undefined} such as `also vary: Accept-Encoding`; nothing where the status line or the body differ.
 */
export function nameDifference(reference, answer) {
  const [[ourHead, ourBody], [theirHead, theirBody]] = [reference, answer].map((one) =>
    split(lowerNames(withoutDate(one))),
  );
  const [ourStatus, ...ours] = ourHead.split('\r\n');
  const [theirStatus, ...theirs] = theirHead.split('\r\n');
  if (ourStatus !== theirStatus || ourBody !== theirBody) return undefined;
  const also = theirs.filter((field) => !ours.includes(field)).map((field) => `also ${field}`);
  const lacks = ours.filter((field) => !theirs.includes(field)).map((field) => `without ${field}`);
  return [...also, ...lacks].join(', ') || undefined; // Nothing: a field that stands twice.
}

/** Where the value of Date begins, which differs from answer to answer; -1 without one. @param {string} answer */
export function dateOffset(answer) {
  const field = IMF_FIXDATE.exec(answer);
  return field === null ? -1 : field.index + field[1].length;
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
