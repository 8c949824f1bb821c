import { once } from 'node:events';
import { connect } from 'node:net';
import type { Metrics } from '../../../src/index.ts';
import { type ParsedFamily, parsePage } from './parse-page.ts';

/** The page of these metrics, parsed. */
export async function pageOf(metrics: Metrics): Promise<Map<string, ParsedFamily>> {
  return parsePage(await metrics.text());
}

/** Sends bytes on a connection of its own. @returns what comes back until the server closes it. */
export async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  let received = '';
  socket.on('data', (text) => {
    received += text;
  });
  socket.end(bytes, 'latin1');
  await once(socket, 'close');
  return received;
}
