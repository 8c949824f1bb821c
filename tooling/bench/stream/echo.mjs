import { Server } from '../server.mjs';
import { runClient } from './clients.mjs';

/** Of the messages before memory is read. */
const IDLE_WARMUP = { messageBytes: 64, connections: 64, ms: 1000 };

/**
 * One round of one row, on a process of its own.
 *
 * @param {import('./rows.mjs').StreamRow} row
 * @param {{ warmupMs: number, measureMs: number }} options
 * @returns {Promise<{ count: number, cpuNs: number, wallNs: number }>}
 */
export async function measureEcho(row, stage, { warmupMs, measureMs }) {
  const server = await Server.start(row, stage);
  try {
    await runEcho(server, stage, { ...row.settings, ms: warmupMs });
    const before = server.cpuSeconds();
    const { messages, durationUs } = await runEcho(server, stage, { ...row.settings, ms: measureMs });
    const cpuNs = (server.cpuSeconds() - before) * 1e9;
    return { count: messages, cpuNs, wallNs: durationUs * 1000 };
  } finally {
    await server.stop();
  }
}

/** Warms up the echo of a row whose memory is then read. */
export function warmUpEcho(server, stage) {
  return runEcho(server, stage, IDLE_WARMUP);
}

/** The bytes that the idle client sends on each connection, and that come back. */
export function idleAnswerBytes({ port }) {
  return `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`.length;
}

/**
 * Runs the client against a server.
 *
 * @param {Server} server
 * @param {{ messageBytes: number, connections: number, ms: number }} load
 * @returns {Promise<{ messages: number, durationUs: number }>}
 */
export function runEcho({ row, port }, stage, { messageBytes, connections, ms }) {
  const threads = Math.min(stage.cores.loadThreads, connections);
  const command = [stage.made.echoClient, port, connections, threads, messageBytes, ms];
  return runClient(`the client of ${row.title}, ${row.backend}`, stage, command);
}
