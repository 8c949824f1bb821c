// Clients of `pnpm soak topics-faults`: each reads one topic or run over a WebSocket of its own. Its parent says where, and
// gets what they are notified of, in batches.
import { websocketConnect } from '@landspout/websocket';

/** @typedef {{ do: 'read' | 'leave', reader: number, kind: 'topic' | 'run', name: string, after?: string, port: number }} Command */
/** @typedef {{ op: string, cursor: string, data?: unknown, reason?: string, how?: string, code?: string }} Frame */

const SUBPROTOCOL = 'landspout.topics.v1';

process.once('disconnect', () => process.exit());

/** @type {unknown[][]} */
let batch = [];

/** Sends all events of a turn together. @param {...unknown} event */
function report(...event) {
  if (batch.push(event) > 1) return;
  setImmediate(() => {
    process.send?.({ events: batch }, () => {});
    batch = [];
  });
}

/** @type {Map<number, () => void>} */
const leaving = new Map();

/** @param {Command} command */
async function read({ reader, kind, name, after, port }) {
  const closing = new AbortController();
  leaving.set(reader, () => closing.abort());
  try {
    const url = `ws://127.0.0.1:${port}/live`;
    const { signal } = closing;
    const connection = await websocketConnect(url, { subprotocols: [SUBPROTOCOL], signal });
    leaving.set(reader, () => connection.close());
    connection.writeMessage(JSON.stringify({ op: 'sub', [kind]: name, after, id: 1 }));
    for await (const message of connection) deliver(reader, JSON.parse(String(message)));
  } catch {
    // The server is gone.
  }
  leaving.delete(reader);
  report(reader, 'closed');
}

/** @param {number} reader @param {Frame} frame */
function deliver(reader, { op, cursor, data, reason, how, code }) {
  if (op === 'pos') report(reader, 'position', cursor);
  else if (op === 'msg') report(reader, 'record', cursor, data);
  else if (op === 'gap') report(reader, 'gap', cursor, reason);
  else if (op === 'end') report(reader, 'end', cursor, how);
  else if (op === 'err') {
    report(reader, 'failed', undefined, code);
    leaving.get(reader)?.();
  }
}

process.on('message', (message) => {
  const command = /** @type {Command} */ (message);
  if (command.do === 'read') void read(command);
  else leaving.get(command.reader)?.();
});
process.send?.({ isReady: true });
