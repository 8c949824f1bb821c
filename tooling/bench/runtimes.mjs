import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { NotInstalledError } from './machine.mjs';
import { certificateFiles } from './tls/certificates.mjs';
import { httpsSettings } from './tls/nginx.mjs';

const MANIFEST = fileURLToPath(new URL('peers/package.json', import.meta.url));
/** Not in the dependencies of this package: only this command loads their 90 MB. */
const INSTALLED = fileURLToPath(new URL('node_modules/.cache/peers/', import.meta.url));
const FINDERS = { bun: findBun, deno: findDeno, tornado: findTornado, nginx: findNginx, redis: findRedis };

/**
 * The command that starts the program of a row.
 *
 * @param {import('./harness.mjs').Row} row
 * @param {readonly string[]} [flags] - of Node; of them other runtimes know `--expose-gc`, by other names.
 * @throws BenchError if the runtime of the row is not installed.
 */
export async function commandOf(row, stage, flags = []) {
  const { native, ask, args = [] } = row;
  const { certificate } = row;
  if (native !== undefined) {
    const own = ask === undefined ? args : [responseFile(row, stage), ask.upBytes ?? []].flat();
    return [stage.native(native), ...(certificate === undefined ? [] : certificateFiles(row, stage)), ...own];
  }
  const { file, folder } = stage;
  const settings = JSON.stringify({ ...ask, ...row.settings, certificate, file, folder });
  const program = path.join(stage.root, 'tooling/bench', row.program ?? '');
  if (row.runtime === undefined) return [process.execPath, ...flags, program, settings];
  const { command, collects } = findRuntime(row.runtime, stage);
  if (row.runtime === 'nginx') return await nginxCommand(command, row, stage);
  return [...command, ...(flags.includes('--expose-gc') ? collects : []), program, settings];
}

/** The file with the response of a row: the floor sends it, and clients compare with it. */
export function responseFile({ id, ask }, { folder }) {
  return path.join(folder, `${id}-${ask.id}`);
}

/** The file with the response that clients get from their server: JSON of so many bytes. */
export function originFile({ downBytes }, { folder }) {
  const file = path.join(folder, `origin-${downBytes}`);
  const body = JSON.stringify({ text: 'x'.repeat(downBytes - '{"text":""}'.length) });
  const fields = [
    `Content-Type: application/json`,
    `Content-Length: ${downBytes}`,
    `Date: ${new Date().toUTCString()}`,
  ];
  writeFileSync(file, ['HTTP/1.1 200 OK', ...fields, '', body].join('\r\n'));
  return file;
}

/** The row of a client, for a server at that port. */
export function clientOf(row, port) {
  const { inFlight } = row.load;
  const settings = { inFlight, idle: 0, origins: 0, ...row.origin, ...row.settings, port };
  const { downBytes, upBytes, origins } = settings;
  return { ...row, settings, args: [port, inFlight, downBytes, upBytes, origins] };
}

/**
 * Finds a runtime once: its version, the command, and the flags that let its garbage be collected.
 *
 * @throws NotInstalledError
 */
export function findRuntime(name, stage) {
  const { runtimes } = stage;
  if (!runtimes.has(name)) runtimes.set(name, FINDERS[name](stage));
  const found = runtimes.get(name);
  if (typeof found === 'string') throw new NotInstalledError(found);
  return found;
}

function findBun() {
  return (
    installPeers() ??
    firstThatRuns('@oven', 'bin/bun', (program) => {
      // Its default of 256 requests at once would bound the scene of 1,000.
      return { command: ['env', 'BUN_CONFIG_MAX_HTTP_REQUESTS=65535', program], collects: [] };
    })
  );
}

function findDeno({ folder }) {
  // Without these it looks for updates, keeps files in the home of the user, and installs packages itself.
  const env = ['env', `DENO_DIR=${path.join(folder, 'deno')}`, 'DENO_NO_UPDATE_CHECK=1'];
  const flags = ['--allow-all', '--no-lock', '--node-modules-dir=manual'];
  const describe = (program) => ({
    command: [...env, program, 'run', ...flags],
    collects: ['--v8-flags=--expose-gc'],
  });
  return installPeers() ?? firstThatRuns('@deno', 'deno', describe);
}

/** Installs Bun and Deno from the npm registry, once. @returns {string | undefined} why that failed. */
function installPeers() {
  const own = path.join(INSTALLED, 'package.json');
  const complete = path.join(INSTALLED, 'node_modules', '.package-lock.json'); // npm writes it last.
  if (existsSync(complete) && readFileSync(own, 'utf8') === readFileSync(MANIFEST, 'utf8')) return undefined;
  process.stderr.write('installing Bun and Deno from the npm registry, once: some 90 MB\n');
  mkdirSync(INSTALLED, { recursive: true });
  copyFileSync(MANIFEST, own);
  // Their install scripts only look for the packages of the platform, whose programs we start ourselves: then the
  // process that is measured is the runtime, and no launcher.
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: INSTALLED, encoding: 'utf8' };
  const { status, stderr, error } = spawnSync('npm', ['install', ...flags], options);
  return status === 0 ? undefined : `npm install failed: ${(error?.message ?? stderr).split('\n')[0]}`;
}

/** Of the packages for platforms that npm chose, such as those for two C libraries. */
function firstThatRuns(scope, file, describe) {
  const packages = path.join(INSTALLED, 'node_modules', scope);
  for (const name of existsSync(packages) ? readdirSync(packages) : []) {
    const program = path.join(packages, name, file);
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    if (status === 0)
      return { ...describe(program), version: /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'unknown' };
  }
  return `the npm registry has no ${scope} package that runs here`;
}

function findTornado() {
  const script = 'import platform, tornado; print(tornado.version, "on Python", platform.python_version())';
  // Debian's Python first, since its packages are not those of another one on the path.
  for (const python of ['/usr/bin/python3', 'python3']) {
    const { status, stdout } = spawnSync(python, ['-c', script], { encoding: 'utf8' });
    if (status === 0) return { command: [python], collects: [], version: stdout.trim() };
  }
  return 'not installed: apt-get install python3-tornado';
}

function findNginx() {
  // Debian's folder is on the path of root alone.
  for (const program of ['nginx', '/usr/sbin/nginx']) {
    const { status, stderr } = spawnSync(program, ['-v'], { encoding: 'utf8' });
    if (status === 0) return { command: [program], collects: [], version: /nginx\/(\S+)/.exec(stderr)?.[1] };
  }
  return 'not installed: apt-get install nginx-light';
}

function findRedis() {
  const { status, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  if (status === 0) return { command: ['redis-server'], collects: [], version: /v=(\S+)/.exec(stdout)?.[1] };
  return 'not installed: apt-get install redis-server';
}

/** A port that was free a moment ago, for a program that cannot say which one the kernel gave it. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * An nginx of one process that serves the folder of the stage, or over TLS what is asked. A shell prints its port before
 * nginx listens: clients try again until it does.
 */
async function nginxCommand(command, row, stage) {
  const { folder } = stage;
  const port = await freePort();
  const config = path.join(folder, 'nginx.conf');
  const isTls = row.certificate !== undefined;
  const listen = `listen 127.0.0.1:${port}${isTls ? ' ssl backlog=511' : ''};`;
  const text = `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections ${isTls ? 16384 : 1024}; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  server { ${listen} ${isTls ? httpsSettings(row, stage) : `root ${folder};`} }
}
`;
  writeFileSync(config, text);
  const first = JSON.stringify({ port, backend: 'nginx' });
  return ['sh', '-c', `echo '${first}'; exec "$@"`, 'sh', ...command, '-e', 'stderr', '-c', config];
}
