// A server over raw sockets that ends its connections at random phases, with FIN or RST, and now and then sends more
// than was asked for.
import { createServer } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { begun, bodyOf, identity, obey, parseTarget, pause, random, reset } from './serving.mjs';

/** In percent, what happens to a connection or a request. The rest of the requests get a good response. */
const FATES = [
  ['reset with the head', 3],
  ['reset', 4],
  ['end', 4],
  ['cut, then reset', 8],
  ['cut, then end', 8],
  ['complete, then reset', 6],
  ['complete, then end', 6],
  ['complete, then end later', 6],
  ['close', 4],
  ['too much', 4],
  ['interim', 4],
  ['split', 8],
  ['silence', 1],
];
const DOOMS = ['reset with the head', 'reset', 'end'];
/** An unsolicited response. If a request gets it, it shows the wrong number. */
const UNSOLICITED = 'HTTP/1.1 200 OK\r\nX-Id: unsolicited\r\nContent-Length: 4\r\n\r\nevil';
/** Larger ones might not arrive together with what follows them. */
const SMALL_BYTES = 4_096;
/** Each so many requests get no response, however often they are sent. */
const DOOMED = 20;
const LAST_CHUNK = '0\r\n\r\n';

function accept(socket) {
  const fate = random(100);
  socket.on('error', () => {});
  if (fate < 3) reset(socket);
  else if (fate < 5) socket.end();
  // If the client ends the connection, so does this side.
  else converse(socket).catch(() => socket.destroy());
}

const server =
  identity === undefined ? createServer({ noDelay: true }, accept) : createSecureServer(identity, accept);
obey(server);

async function converse(socket) {
  const chunks = socket[Symbol.asyncIterator]();
  let text = '';
  const readTo = async (end) => {
    for (;;) {
      const at = end();
      if (at !== -1) {
        const part = text.slice(0, at);
        text = text.slice(at);
        return part;
      }
      const { done, value } = await chunks.next();
      if (done) return undefined;
      text += value.toString('latin1');
    }
  };
  const after = (mark) => () => {
    const at = text.indexOf(mark);
    return at === -1 ? -1 : at + mark.length;
  };
  for (;;) {
    const head = await readTo(after('\r\n\r\n'));
    if (head === undefined) return;
    const [method, target] = head.split(' ', 2);
    const job = parseTarget(method, target);
    begun(job);
    const fate = Number(job.seq) % DOOMED === 0 ? DOOMS[random(DOOMS.length)] : chooseFate();
    if (fate === 'reset with the head') {
      reset(socket);
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    let body = '';
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      // The bodies have no CR or LF.
      const coded = await readTo(() =>
        text.startsWith(LAST_CHUNK) ? LAST_CHUNK.length : after(`\r\n${LAST_CHUNK}`)(),
      );
      body = coded
        ?.split('\r\n')
        .filter((_, index) => index % 2 === 1)
        .join('');
    } else if (length !== undefined) {
      body = await readTo(() => (text.length < Number(length) ? -1 : Number(length)));
    }
    if (body === undefined) return;
    const isWrong = job.kind === 'take' && body !== bodyOf(job.seq, job.size).toString('latin1');
    if (!(await respond(socket, isWrong ? { ...job, status: 400 } : job, fate))) return;
  }
}

function chooseFate() {
  let number = random(100);
  for (const [fate, percent] of FATES) {
    number -= percent;
    if (number < 0) return fate;
  }
  return 'complete';
}

/** @returns whether the connection stays open. */
async function respond(socket, job, fate) {
  const message = messageOf(job, fate === 'close');
  switch (fate) {
    case 'silence':
      return true;
    case 'reset':
      reset(socket);
      return false;
    case 'end':
      socket.end();
      return false;
    case 'cut, then reset':
      await sent(socket, message.subarray(0, random(message.length)));
      await pause(random(3));
      reset(socket);
      return false;
    case 'cut, then end':
      socket.end(message.subarray(0, random(message.length)));
      return false;
    case 'complete, then reset':
      await sent(socket, message);
      await pause(random(10));
      reset(socket);
      return false;
    case 'complete, then end later':
      await sent(socket, message);
      await pause(random(30));
      socket.end();
      return false;
    case 'complete, then end':
    case 'close':
      socket.end(message);
      return false;
    case 'too much':
      await sent(
        socket,
        message.length > SMALL_BYTES ? message : Buffer.concat([message, Buffer.from(UNSOLICITED)]),
      );
      return true;
    case 'interim':
      await sent(socket, Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n'));
      break;
    case 'split': {
      const at = random(message.length);
      await sent(socket, message.subarray(0, at));
      await pause(random(5));
      await sent(socket, message.subarray(at));
      return true;
    }
    default:
  }
  await sent(socket, message);
  return true;
}

function messageOf({ method, kind, seq, size, status, to }, closes) {
  let body = bodyOf(seq, kind === 'redirect' ? 0 : size);
  const fields = [`X-Id: ${seq}`];
  if (closes) fields.push('Connection: close');
  if (kind === 'redirect') fields.push(`Location: ${to}`);
  if (kind === 'gzip') {
    body = gzipSync(body);
    fields.push('Content-Encoding: gzip');
  }
  if (kind === 'chunked' || kind === 'gzip') {
    fields.push('Transfer-Encoding: chunked');
    body = Buffer.concat([...chunked(body)]);
  } else {
    fields.push(`Content-Length: ${body.length}`);
  }
  const head = Buffer.from(`HTTP/1.1 ${status} Soak\r\n${fields.join('\r\n')}\r\n\r\n`);
  return method === 'HEAD' ? head : Buffer.concat([head, body]);
}

function* chunked(body) {
  for (let at = 0; at < body.length; ) {
    const chunk = body.subarray(at, at + 1 + random(20_000));
    at += chunk.length;
    yield Buffer.from(`${chunk.length.toString(16)}\r\n`);
    yield chunk;
    yield Buffer.from('\r\n');
  }
  yield Buffer.from('0\r\n\r\n');
}

function sent(socket, bytes) {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
