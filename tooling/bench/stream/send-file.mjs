import { Child } from '../child.mjs';
import { serverEnvironment } from '../rows.mjs';
import { Server } from '../server.mjs';
import { runClient } from './clients.mjs';
import { findNginx, startNginx } from './nginx.mjs';

const MIB = 1024 * 1024;

/**
 * One round of one row, on a process of its own. What counts is a mebibyte that has come.
 *
 * @param {import('./rows.mjs').StreamRow} row
 * @param {{ warmupMs: number, measureMs: number }} options
 * @returns {Promise<{ count: number, cpuNs: number, wallNs: number }>}
 */
export async function measureSendFile(row, stage, { warmupMs, measureMs }) {
  const server = row.backend === 'nginx' ? await startNginx(stage) : await Server.start(row, stage);
  // The others send the bytes of the file alone, as soon as somebody connects.
  const request = row.backend === 'nginx' ? 'GET /file HTTP/1.0\r\n\r\n' : '';
  const fetchFor = (ms) => {
    const command = [stage.made.fileSink, server.port, stage.made.file, request, ms];
    return runClient(`the client of ${row.title}, ${row.backend}`, stage, command);
  };
  try {
    await fetchFor(warmupMs);
    const before = server.cpuSeconds();
    const { bytes, durationUs } = await fetchFor(measureMs);
    const cpuNs = (server.cpuSeconds() - before) * 1e9;
    return { count: bytes / MIB, cpuNs, wallNs: durationUs * 1000 };
  } finally {
    await server.stop();
  }
}

/** Why a row cannot be measured here; nothing when it can. @param {import('./rows.mjs').StreamRow} row */
export async function absenceOf(row, { cores, files, commandOf }) {
  if (row.backend === 'nginx') return findNginx() ? undefined : 'not installed: apt-get install nginx-light';
  const options = { cores: cores.server, files, env: serverEnvironment(row) };
  const server = new Child(row.title, commandOf(row), options);
  try {
    return (await server.nextLine()).absent;
  } finally {
    await server.stop();
  }
}
