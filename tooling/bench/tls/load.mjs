import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startClient } from '../child.mjs';
import { variableParts } from '../response-text.mjs';
import { requestText } from '../responses.mjs';
import { responseFile } from '../runtimes.mjs';
import { checkReply, framesOf, upgradeText } from '../websocket.mjs';
import { certificateFiles } from './certificates.mjs';

/**
 * Connections over TLS that stay open and exchange messages, or that make a handshake and end.
 *
 * @typedef {object} TlsLoad
 * @property {'requests' | 'echo' | 'full' | 'resumed'} mode - the last two are kinds of handshakes.
 * @property {number} connections - at a time.
 * @property {number} [messageBytes] - of an echo, as text.
 */

/** Writes the files of an exchange, and returns the arguments for them. @param {TlsLoad} load */
function exchangeOf(load, server, stage) {
  const file = (name) => path.join(stage.folder, name);
  const [message, opening, head] = ['message', 'opening', 'head'].map(file);
  if (load.mode === 'requests') {
    const response = responseFile(server.row, stage);
    writeFileSync(message, requestText(server.row.ask, server), 'latin1');
    const parts = variableParts(readFileSync(response, 'latin1')).map(({ at, length }) => `${at}:${length}`);
    return [message, response, parts.join()];
  }
  const { sent, expected } = framesOf(load);
  const reply = file('reply');
  writeFileSync(opening, upgradeText(server));
  writeFileSync(message, sent);
  writeFileSync(reply, expected);
  return [message, reply, '', opening, head];
}

/** Opens the connections of a load to a server, each with a first message, and keeps them until the client is stopped. */
export async function openTls(load, server, stage) {
  const { mode, connections, threads = Math.min(stage.cores.loadThreads, connections) } = load;
  const isHandshake = ['full', 'resumed'].includes(mode);
  const files = isHandshake ? [] : exchangeOf(load, server, stage);
  const [certificate] = certificateFiles(server.row, stage);
  const client = startClient(server.row, stage, [
    stage.native('tls-load'),
    isHandshake ? mode : 'exchange',
    ...[server.port, connections, threads, certificate],
    ...files,
  ]);
  try {
    await client.nextLine();
    if (mode === 'echo')
      checkReply(Buffer.concat([files.at(-1), files[1]].map((file) => readFileSync(file))), load);
    return Object.assign(client, { tlsPath: server.first.tls });
  } catch (error) {
    await client.stop();
    throw error;
  }
}

/** Lets the connections of a load work for some time; the first time it opens them, to stay for as long as the server. */
export async function runTls(load, server, stage, ms) {
  server.visitors ??= server.stopBefore(await openTls(load, server, stage));
  const { visitors } = server;
  return { ...(await visitors.ask(`run ${ms}`)), tlsPath: visitors.tlsPath };
}
