import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './packages.mjs';
import { runCommand } from './run-command.mjs';
import { blocksOf } from './sources.mjs';

/**
 * Makes the certificates that samples name, with the commands of docs/tls.md.
 *
 * @param {string} folder - where they are written, unless they are there.
 */
export function makeCertificates(folder) {
  if (existsSync(path.join(folder, 'cert.pem'))) return;
  const page = readFileSync(path.join(ROOT, 'docs/tls.md'), 'utf8');
  const commands = blocksOf(page, 'sh').filter((block) => block.startsWith('openssl '));
  for (const block of commands) runCommand(['sh', '-ec', block], { cwd: folder });
}
