import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../bench-error.mjs';
import { Child } from '../child.mjs';
import { cpuSeconds } from '../server.mjs';

/** Debian's place is on the path of root alone. */
const PLACES = ['nginx', '/usr/sbin/nginx'];
const PATIENCE_MS = 5_000;

/** @returns {string | undefined} the command that starts nginx. */
export function findNginx() {
  return PLACES.find((program) => spawnSync(program, ['-v']).error === undefined);
}

/** nginx as it says of itself, such as `nginx/1.22.1`; nothing without one. */
export function nginxVersion() {
  const program = findNginx();
  if (program === undefined) return undefined;
  return /nginx\/\S+/.exec(spawnSync(program, ['-v'], { encoding: 'utf8' }).stderr)?.[0];
}

/**
 * Starts an nginx of one process, on the server's core, that serves the files of the stage's folder.
 *
 * @param {import('../server.mjs').Stage} stage
 */
export async function startNginx({ cores, files, made }) {
  const port = await freePort();
  const config = path.join(made.folder, 'nginx.conf');
  writeFileSync(config, configuration(made.folder, port));
  const command = [findNginx(), '-e', 'stderr', '-c', config];
  const child = new Child('nginx', command, { cores: cores.server, files });
  try {
    await waitForPort(port);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { port, cpuSeconds: () => cpuSeconds(child.pid), stop: () => child.stop() };
}

/** The settings of a static server that matter here: sendfile and full packets; no log. */
function configuration(folder, port) {
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
  }
}
`;
}

/** nginx cannot be asked which port it was given, so it is told one that was free a moment ago. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function waitForPort(port) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(20)) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      // It does not listen yet.
    } finally {
      socket.destroy();
    }
  }
  throw new BenchError('nginx does not listen: is its configuration refused?');
}
