import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { startClient } from './child.mjs';
import { BenchError } from './machine.mjs';

/** The example of RFC 6455, whose accept value the client knows. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
const [FIN, COMPRESSED, TEXT, BINARY, CLOSE] = [0x80, 0x40, 1, 2, 8];
/** What every sender leaves out at the end of a compressed message (RFC 7692 §7.2.1). */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const FLUSH = { finishFlush: constants.Z_SYNC_FLUSH };
/** What is offered: nothing kept between messages, which all servers then compress alike; or what Chromium offers. */
const OFFERS = {
  alike: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  browser: 'permessage-deflate; client_max_window_bits',
};

/**
 * Messages over WebSocket connections that stay open.
 *
 * @typedef {object} WebSocketLoad
 * @property {'echo' | 'broadcast' | 'close'} mode @property {number} connections
 * @property {number} [messageBytes] - as text; of a compressed message before that.
 * @property {boolean} [isBinary] @property {keyof typeof OFFERS} [offer] - of permessage-deflate.
 */

/** The request of an opening handshake. @param {{ port: number }} server @param {keyof typeof OFFERS} [offer] */
export function upgradeText({ port }, offer) {
  const fields = [
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...(offer === undefined ? [] : [`Sec-WebSocket-Extensions: ${OFFERS[offer]}`]),
  ];
  return `GET / HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
}

/** ASCII like the JSON that messages are: records with other numbers, cut where the message ends. */
export function messageText(bytes) {
  let [text, state] = ['', 1];
  for (let id = 1; text.length < bytes; id += 1) {
    state = (state * 48_271) % 2_147_483_647; // Park and Miller's generator.
    text += `${JSON.stringify({ id, price: (state % 100_000) / 100, name: `Article ${state % 97}`, inStock: state % 3 > 0 })},`;
  }
  return text.slice(0, bytes);
}

/** A frame, masked or not. @param {{ flags: number, payload: Buffer, isMasked?: boolean }} frame */
export function frameOf({ flags, payload, isMasked = false }) {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = flags;
  head[1] = (isMasked ? 0x80 : 0) | { 0: length, 2: 126, 8: 127 }[extended];
  if (extended > 0) head.writeUIntBE(length, head.length - Math.min(extended, 6), Math.min(extended, 6));
  if (!isMasked) return Buffer.concat([head, payload]);
  return Buffer.concat([head, MASK, payload.map((byte, at) => byte ^ MASK[at % 4])]);
}

/** What a load sends, and the frame that has to come back if nothing is compressed. @param {WebSocketLoad} load */
export function framesOf({ mode, messageBytes, isBinary = false, offer }) {
  const isClose = mode === 'close';
  const payload = isClose ? Buffer.from([0x03, 0xe8]) : Buffer.from(messageText(messageBytes)); // 1000
  const flags = FIN | (isClose ? CLOSE : isBinary ? BINARY : TEXT);
  const expected = frameOf({ flags, payload });
  if (offer === undefined) return { sent: frameOf({ flags, payload, isMasked: true }), expected };
  const compressed = deflateRawSync(payload, FLUSH).subarray(0, -TAIL.length);
  return { sent: frameOf({ flags: flags | COMPRESSED, payload: compressed, isMasked: true }), expected };
}

/**
 * Checks the first response and reply of a server.
 *
 * @param {Buffer} bytes - the head, and a frame. @param {WebSocketLoad} load
 * @returns {string} what the reply is: its length on the wire, and how it is compressed.
 * @throws BenchError if the extension was not negotiated as offered, or the reply is another message.
 */
export function checkReply(bytes, load) {
  const end = bytes.indexOf('\r\n\r\n') + 4;
  const [head, frame] = [bytes.toString('latin1', 0, end), bytes.subarray(end)];
  const negotiated = /^sec-websocket-extensions: *(.*)\r$/im.exec(head)?.[1];
  if (load.offer !== undefined && !negotiated?.startsWith('permessage-deflate'))
    throw new BenchError('permessage-deflate was offered, and not accepted');
  if (load.offer === 'alike' && !negotiated.includes('server_no_context_takeover'))
    throw new BenchError(`server_no_context_takeover was offered, and ${negotiated} accepted`);
  if (load.offer === undefined && negotiated !== undefined)
    throw new BenchError(`${negotiated} was accepted, and not offered`);
  const { expected } = framesOf(load);
  const isCompressed = load.offer !== undefined && (frame[0] & COMPRESSED) !== 0;
  if (!(isCompressed ? inflated(frame) : frame).equals(expected))
    throw new BenchError(`the reply is not the message: ${frame.toString('latin1').slice(0, 200)}`);
  const size = `${frame.length} B`;
  if (load.offer === undefined) return size;
  return `${size}${isCompressed ? '' : ', not compressed'}; ${negotiated.replace(/^permessage-deflate;? */, '') || 'context takeover'}`;
}

/** The same message as a frame that is not compressed. */
function inflated(frame) {
  const head = { 126: 4, 127: 10 }[frame[1]] ?? 2;
  const payload = inflateRawSync(Buffer.concat([frame.subarray(head), TAIL]), FLUSH);
  return frameOf({ flags: frame[0] & ~COMPRESSED, payload });
}

/** Opens the connections of a load to a server, each with a first message, and keeps them until the client is stopped. */
export async function openWebSockets(load, { row, port }, stage) {
  const { mode, connections, threads = Math.min(stage.cores.loadThreads, connections) } = load;
  const [request, frame, reply] = ['upgrade', 'frame', 'reply'].map((name) => path.join(stage.folder, name));
  writeFileSync(request, upgradeText({ port }, load.offer));
  writeFileSync(frame, framesOf(load).sent);
  const program = stage.native('websocket-load');
  const command = [program, port, mode, connections, threads, request, frame, reply];
  const client = startClient(row, stage, command);
  try {
    await client.nextLine();
    return Object.assign(client, { reply: checkReply(readFileSync(reply), load) });
  } catch (error) {
    await client.stop();
    throw error;
  }
}

/** Lets the connections of a load work for some time; the first time it opens them, to stay for as long as the server. */
export async function runWebSockets(load, server, stage, ms) {
  server.visitors ??= server.stopBefore(await openWebSockets(load, server, stage));
  const { visitors } = server;
  return { ...(await visitors.ask(`run ${ms}`)), reply: visitors.reply };
}
