// `pnpm check:first-app`: does what "Your own app" in the README says, as it is written there, in an empty folder
// outside the workspace, and fetches the address that the program prints. Then every sample of every README has to
// compile with the settings that `tsc --init` writes, in each TypeScript that programs may have.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { consumerEnv, installInto, typescript } from './consumer.mjs';
import { publishedPackages, ROOT } from './packages.mjs';
import { runCommand } from './run-command.mjs';
import { freePort, WRITTEN_PORT } from './run-samples.mjs';
import { blocksOf } from './sources.mjs';

/** The folder of the tarballs in the README's words; the check puts it into a temporary folder. */
const WRITTEN_FOLDER = '../landspout-tarballs';

/** The README installs the newest TypeScript; other programs may still have this one. */
const OLDER_TYPESCRIPT = '5.9';

/** The options that `tsc --init` writes as comments: the samples compile with them too. */
const OFFERED_OPTIONS = [
  ...['--noImplicitReturns', '--noImplicitOverride', '--noUnusedLocals', '--noUnusedParameters'],
  ...['--noFallthroughCasesInSwitch', '--noPropertyAccessFromIndexSignature'],
];

/** Compiling included; it should need three seconds. */
const START_TIMEOUT_MS = 60_000;

const home = mkdtempSync(path.join(tmpdir(), 'landspout-first-app-'));
try {
  const { program, inClone, commands } = readInstructions();
  const app = path.join(home, 'my-app');
  mkdirSync(app);

  for (const command of inClone) {
    shell(command.replace(WRITTEN_FOLDER, path.resolve(app, WRITTEN_FOLDER)), ROOT);
  }
  writeFileSync(path.join(app, 'app.ts'), program.replaceAll(WRITTEN_PORT, String(await freePort())));
  for (const command of commands.slice(0, -1)) shell(command, app);
  const served = await startAndFetch(String(commands.at(-1)), app);
  console.log(`"Your own app" of README.md: ${commands.length} commands, and ${served}`);

  const samples = samplesOfAllReadmes();
  const older = path.join(home, 'older-typescript');
  installInto(older, [`typescript@${OLDER_TYPESCRIPT}`]);
  for (const [at, compiler] of [typescript(app), typescript(older)].entries()) {
    // Inside the app, so that its node_modules and its "type" hold there too.
    const folder = path.join(app, `compiled-${at}`);
    compile(compiler, path.join(folder, 'first'), [program]);
    compile(compiler, path.join(folder, 'samples'), samples, ['--types', 'node'], OFFERED_OPTIONS);
    const found = runCommand([...compiler, '--version']).trim();
    console.log(`${found}: the samples of all READMEs compile with the settings of tsc --init`);
  }
} catch (error) {
  console.error(`"Your own app" of README.md: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true });
}

/** @returns {{ program: string, inClone: string[], commands: string[] }} the README's first sample, and its commands. */
function readInstructions() {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [program = ''] = blocksOf(readme, 'ts');
  const [section = ''] = /^## Your own app$.*?(?=^## )/ms.exec(readme) ?? [];
  const [inClone = '', commands = '', ...more] = blocksOf(section, 'sh');
  assert.ok(commands !== '' && more.length === 0, 'two blocks of commands were expected in that section');
  assert.ok(inClone.includes(WRITTEN_FOLDER) && commands.includes(WRITTEN_FOLDER));
  return { program, inClone: inClone.trim().split('\n'), commands: commands.trim().split('\n') };
}

/** @param {string} command - a line of the README. @param {string} cwd */
function shell(command, cwd) {
  runCommand(['sh', '-c', command], { cwd, env: consumerEnv() });
}

/**
 * Starts the program with the README's last command, fetches the address that it prints, and stops it.
 *
 * @param {string} command @param {string} cwd
 * @returns {Promise<string>} what came back, for a person.
 */
async function startAndFetch(command, cwd) {
  // A group of its own: npm starts a shell, and that the server.
  const child = spawn('sh', ['-c', command], { cwd, env: consumerEnv(), detached: true });
  const stop = () => process.kill(-Number(child.pid), 'SIGKILL');
  const late = setTimeout(stop, START_TIMEOUT_MS);
  const closed = once(child, 'close');
  let output = '';
  child.stderr.on('data', (bytes) => {
    output += bytes;
  });
  try {
    for await (const bytes of child.stdout) {
      output += bytes;
      const url = /http:\/\/\S+(?=\s)/.exec(output)?.[0];
      if (url === undefined) continue;
      const response = await fetch(url, { headers: { Connection: 'close' } });
      assert.equal(response.status, 200, `${url} gives ${response.status}`);
      return `${url} gives ${await response.text()}`;
    }
    throw new Error(`${command} ended before an address was printed:\n${output}`);
  } finally {
    clearTimeout(late);
    if (child.exitCode === null && child.signalCode === null) stop();
    await closed;
  }
}

/** @returns {string[]} */
function samplesOfAllReadmes() {
  const folders = publishedPackages().map(({ folder }) => `packages/${folder}/`);
  return ['', ...folders].flatMap((folder) =>
    blocksOf(readFileSync(path.join(ROOT, folder, 'README.md'), 'utf8'), 'ts'),
  );
}

/**
 * Makes a project with `tsc --init`, and checks programs in it.
 *
 * @param {string[]} compiler
 * @param {string} folder
 * @param {string[]} programs
 * @param {string[]} [initOptions]
 * @param {string[]} [moreOptions] - on top of what `--init` wrote.
 */
function compile(compiler, folder, programs, initOptions = [], moreOptions = []) {
  mkdirSync(folder, { recursive: true });
  runCommand([...compiler, '--init', ...initOptions], { cwd: folder });
  for (const [at, source] of programs.entries()) writeFileSync(path.join(folder, `sample-${at}.ts`), source);
  runCommand([...compiler, '--noEmit', ...moreOptions], { cwd: folder });
}
