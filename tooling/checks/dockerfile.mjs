// `node tooling/checks/dockerfile.mjs`: performs the steps of apps/demo/Dockerfile without Docker, on this machine: a copy
// of the files that Docker would get, the commands of both stages, and the program as another user with nothing of the
// build left. Then its health check must succeed, and its stop signal must end it in time.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execForm, stagesOf, textOf } from './dockerfile-steps.mjs';
import { runCommand } from './run-command.mjs';

/** @typedef {import('./dockerfile-steps.mjs').Stage} Stage */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILE = path.join(ROOT, 'apps/demo/Dockerfile');
const BUILD_TIMEOUT_MS = 10 * 60_000;
/** After that, `docker stop` kills a container. */
const STOP_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 30_000;
/** The user of the image, if this check may change users. */
const isRoot = process.getuid?.() === 0;
const user = isRoot
  ? idsOf('nobody')
  : { name: userInfo().username, uid: userInfo().uid, gid: userInfo().gid };

const home = mkdtempSync(path.join(tmpdir(), 'landspout-dockerfile-'));
chmodSync(home, 0o755);
process.umask(0o022);
try {
  await main();
} finally {
  rmSync(home, { recursive: true, force: true });
}

async function main() {
  const stages = stagesOf(readFileSync(FILE, 'utf8'));
  const [build, final] = stages;
  assert.ok(build !== undefined && final !== undefined && stages.length === 2, 'two stages');
  const major = /^node:(\d+)/.exec(build.image)?.[1];
  assert.equal(final.image, `node:${major}-slim`, 'both stages have the same C library and Node');
  assert.notEqual(textOf(final, 'USER'), 'root');
  assert.equal(execForm(textOf(final, 'CMD'))[0], 'node', 'process 1 is node itself');
  perform(build);
  const config = perform(final);
  // The program must not need anything that is not in the image.
  rmSync(inHome('/work'), { recursive: true });
  await tryProgram(final, config);
  console.log(`the demo runs as ${user.name} from ${sizeOf(inHome('/app'))} MB, and stops in time`);
}

/** Performs the steps that change files. @param {Stage} stage @returns {{ cwd: string, env: Record<string, string> }} */
function perform(stage) {
  /** @type {Record<string, string>} */
  const env = {};
  let cwd = home;
  for (const { instruction, text } of stage.steps) {
    if (instruction === 'WORKDIR') {
      cwd = inHome(text);
      mkdirSync(cwd, { recursive: true });
    } else if (instruction === 'ENV') {
      for (const [, name = '', value = ''] of text.matchAll(/(\w+)=(\S+)/g)) env[name] = value;
    } else if (instruction === 'COPY') copy(text, cwd);
    else if (instruction === 'RUN') {
      console.log(`> ${text}`);
      const command = mapped(text)
        .replaceAll(/(?<=--owner=)node/g, user.name)
        .replaceAll(/(?<=--group=)node/g, String(user.gid));
      runCommand(['sh', '-c', command], {
        cwd,
        timeoutMs: BUILD_TIMEOUT_MS,
        env: { ...process.env, ...env },
      });
    }
  }
  return { cwd, env };
}

/** @param {string} text - of COPY. @param {string} cwd */
function copy(text, cwd) {
  if (text === '. .') return copySources(cwd);
  const [, from = ''] = /^--from=build (\S+) \.\/$/.exec(text) ?? [];
  assert.notEqual(from, '', `COPY ${text} is not known`);
  // Both stages use one folder here, and what is copied becomes the folder of the program.
  if (inHome(from) === cwd) return;
  cpSync(inHome(from), cwd, { recursive: true });
}

/** Copies what git has or would add, which are the files that Dockerfile.dockerignore leaves. @param {string} target */
function copySources(target) {
  const ignored = readFileSync(`${FILE}.dockerignore`, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const roots = new Set(ignored.filter((pattern) => !pattern.startsWith('**/')));
  for (const pattern of ignored) {
    const name = pattern.replace('**/', '');
    assert.ok(/^[\w.]+$|^\*\.\w+$/.test(name), `${pattern} of .dockerignore is not known`);
  }
  const listed = runCommand(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  });
  for (const file of listed.split('\0')) {
    const source = path.join(ROOT, file);
    if (file === '' || roots.has(file.split('/')[0] ?? '') || !isFile(source)) continue;
    cpSync(source, path.join(target, file), { recursive: true });
  }
}

/** @param {Stage} stage @param {{ cwd: string, env: Record<string, string> }} config */
async function tryProgram(stage, { cwd, env }) {
  const port = await freePort();
  const own = {
    cwd,
    env: { PATH: process.env.PATH, ...env, PORT: String(port) },
    ...(isRoot ? { uid: user.uid, gid: user.gid } : {}),
  };
  const [, ...args] = execForm(textOf(stage, 'CMD')).map(mapped);
  const child = spawn(process.execPath, args, { ...own, stdio: 'inherit' });
  const ended = once(child, 'exit');
  try {
    const [, check = ''] = /CMD (\[.*\])$/.exec(textOf(stage, 'HEALTHCHECK')) ?? [];
    const [, ...checkArgs] = execForm(check);
    const isHealthy = () => spawnSync(process.execPath, checkArgs, own).status === 0;
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!isHealthy()) {
      assert.equal(child.exitCode, null, 'the program ended early');
      assert.ok(performance.now() < deadline, 'the health check never succeeded');
      await delay(200);
    }
    assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
    if (isRoot) assert.equal(statSync(`/proc/${child.pid}`).uid, user.uid);
    child.kill(/** @type {NodeJS.Signals} */ (textOf(stage, 'STOPSIGNAL')));
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const [code, signal] = await ended;
    clearTimeout(late);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, 'it stops in time, with code 0');
    assert.equal(isHealthy(), false, 'the health check fails if nothing listens');
  } finally {
    child.kill('SIGKILL');
  }
}

/** Where a path of the image is. @param {string} place */
function inHome(place) {
  return path.join(home, place);
}

/** The paths of the image in a command or argument. @param {string} text */
function mapped(text) {
  return text.replaceAll(/(?<=^| )\/(work|app|data)\b/g, (place) => inHome(place));
}

/** @param {string} name */
function idsOf(name) {
  const id = (/** @type {string} */ which) => Number(runCommand(['id', which, name]));
  return { name, uid: id('-u'), gid: id('-g') };
}

/** @param {string} file */
function isFile(file) {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** @param {string} folder @returns {number} in MB. */
function sizeOf(folder) {
  return Math.round(Number(runCommand(['du', '-sk', folder]).split('\t')[0]) / 1_024);
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
