// A server on the built package that listens on what a service manager has passed: `all`, or the sockets of one name.
// Prints what it found and what a child of its own finds; answers each connection with the name of the server that has
// it, and stops at the end of its standard input.
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { systemdSockets, TCPServer } from '@landspout/iostream';

const LOOK = `
  const { readlinkSync } = require('node:fs');
  const inherited = [3, 4].filter((fd) => {
    try { return readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; }
  });
  const variables = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
  process.stdout.write(JSON.stringify({ inherited, variables }));
`;

function isSocket(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
  } catch {
    return false;
  }
}

const servers = [];
let report;
try {
  const sockets = systemdSockets();
  for (const name of process.argv.slice(2)) {
    const server = new TCPServer({
      async handleStream(stream) {
        await stream.write(name);
        stream.close();
      },
    });
    servers.push(server);
    await server.listen({ systemd: name === 'all' ? true : name });
  }
  const child = spawnSync(process.execPath, ['--eval', LOOK], { encoding: 'utf8' });
  report = { sockets, addresses: servers.map(({ addresses }) => addresses), child: JSON.parse(child.stdout) };
} catch (error) {
  // What Node closes is closed in the turn after.
  await new Promise((resolve) => setImmediate(resolve));
  report = { name: error.name, code: error.code, hasFirst: isSocket(3) };
  process.exitCode = 3;
}
console.log(JSON.stringify(report));
if (process.exitCode === undefined) {
  process.stdin.resume().once('end', () => Promise.all(servers.map((server) => server.closeAll())));
}
