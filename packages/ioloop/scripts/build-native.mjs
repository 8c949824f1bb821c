/**
 * Compiles native/*.c into prebuilds/<platform>-<arch>-<libc>/reactor.node with the C compiler alone.
 *
 *   node scripts/build-native.mjs                          for this machine, with $CC or cc
 *   node scripts/build-native.mjs --all                    every target that is shipped, with $ZIG
 *   node scripts/build-native.mjs --sanitize --out <file>  with AddressSanitizer and UBSan
 *
 * Where the reactor cannot be built it says so in one line and succeeds: the portable backend needs no build.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PACKAGE = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const SHARED_FLAGS = [
  '-std=gnu11',
  '-O2',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
];
// Zig's default runtime checks for C need a library that the addon does not have.
const ZIG_FLAGS = ['-fno-sanitize=undefined', '-s'];
// The oldest glibc that Node 20's own binaries run on.
const SHIPPED = [
  { folder: 'linux-x64-gnu', zigTarget: 'x86_64-linux-gnu.2.28' },
  { folder: 'linux-x64-musl', zigTarget: 'x86_64-linux-musl' },
  { folder: 'linux-arm64-gnu', zigTarget: 'aarch64-linux-gnu.2.28' },
  { folder: 'linux-arm64-musl', zigTarget: 'aarch64-linux-musl' },
];

const { values: options } = parseArgs({
  options: { all: { type: 'boolean' }, sanitize: { type: 'boolean' }, out: { type: 'string' } },
});

if (options.sanitize && options.out === undefined) fail('--sanitize needs --out <file>');
if (options.all) {
  if (!process.env.ZIG) fail('--all needs $ZIG, the path of a zig binary');
  for (const { folder, zigTarget } of SHIPPED) {
    compile([process.env.ZIG, 'cc', '-target', zigTarget, ...ZIG_FLAGS], prebuilt(folder));
  }
} else {
  buildForThisMachine();
}

function buildForThisMachine() {
  if (process.platform !== 'linux') return notice(`${process.platform} has no epoll`);
  const compiler = (process.env.CC ?? '').trim().split(/\s+/).filter(Boolean);
  if (compiler.length === 0) compiler.push('cc');
  if (spawnSync(compiler[0], ['--version']).error) return notice(`no C compiler "${compiler[0]}" was found`);
  // What is undefined ends the process, so that no run goes on behind it unnoticed.
  const checks = options.sanitize
    ? ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
    : [];
  compile([...compiler, ...checks], resolve(options.out ?? prebuilt(`linux-${process.arch}-${libc()}`)));
}

/** The C library of this Node, by the program interpreter that its ELF header names; src/reactor/backend.ts asks the same. */
function libc() {
  const header = Buffer.alloc(4096);
  const fd = openSync('/proc/self/exe', 'r');
  readSync(fd, header);
  closeSync(fd);
  return header.includes('/ld-musl-') ? 'musl' : 'gnu';
}

function prebuilt(folder) {
  return join(PACKAGE, 'prebuilds', folder, 'reactor.node');
}

function compile([command, ...flags], output) {
  const include = join(
    dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
    'include',
  );
  const sources = readdirSync(join(PACKAGE, 'native'))
    .filter((name) => name.endsWith('.c'))
    .sort();
  // Into a neighbour first: a process that has the old file mapped must not see it change.
  const draft = `${output}.${process.pid}`;
  mkdirSync(dirname(output), { recursive: true });
  const args = [
    ...flags,
    ...SHARED_FLAGS,
    `-I${include}`,
    ...sources.map((name) => join('native', name)),
    '-o',
    draft,
  ];
  const { status, error } = spawnSync(command, args, { cwd: PACKAGE, stdio: 'inherit' });
  if (status !== 0) {
    rmSync(draft, { force: true });
    fail(`compiling ${output} failed${error ? `: ${error.message}` : ''}`);
  }
  renameSync(draft, output);
}

function notice(reason) {
  console.log(`ioloop: ${reason}; the portable backend will be used.`);
}

function fail(message) {
  console.error(`ioloop: ${message}`);
  process.exit(1);
}
