// `node ../../tooling/checks/check-package.mjs`, in a package that is built: packs it as a release would, and holds
// the tarball against publint and Are The Types Wrong. Turbo runs it as `check:package`.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { pnpm, runCommand } from './run-command.mjs';

const require = createRequire(import.meta.url);
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const folder = mkdtempSync(path.join(tmpdir(), 'landspout-pack-'));
try {
  // Packed by pnpm, because npm would leave `workspace:^` and the source doors in the manifest.
  runCommand([...pnpm(), 'pack', '--pack-destination', folder]);
  const tarball = path.join(folder, String(readdirSync(folder).find((file) => file.endsWith('.tgz'))));
  const findings = await lint(readFileSync(tarball));
  checkTypes(tarball);
  for (const finding of findings) console.error(`${manifest.name}: ${finding}`);
  if (findings.length > 0) process.exitCode = 1;
  else console.log(`${manifest.name}: publint and attw find nothing`);
} catch (error) {
  console.error(`${manifest.name}: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

/** @param {Buffer} tarball @returns {Promise<string[]>} */
async function lint(tarball) {
  const bytes = new Uint8Array(tarball);
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  return messages.map((message) => formatMessage(message, pkg ?? manifest, { color: false }) ?? message.code);
}

/**
 * The profile says that the package is for `import` alone; Node 20.19 and later can also `require` it.
 *
 * @param {string} tarball
 */
function checkTypes(tarball) {
  const attw = path.join(
    path.dirname(require.resolve('@arethetypeswrong/cli/package.json')),
    'dist/index.js',
  );
  runCommand([process.execPath, attw, tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color']);
}
