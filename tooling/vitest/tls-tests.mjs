import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './results.mjs';

/** What makes certificates for tests: the openssl command, which is needed for nothing else. */
const MAKES_CERTIFICATES = /'openssl'/;
const RELATIVE_IMPORT = /(?:from|import) '(\.{1,2}\/[^']+)'/g;

/**
 * The test files that use TLS: those that make certificates, by themselves or through a module of tests that they
 * import.
 *
 * @param {string} [root]
 * @returns {string[]} paths from the root, in order.
 */
export function tlsTests(root = ROOT) {
  /** @type {Map<string, Module>} */
  const modules = new Map();
  return ['packages', 'apps']
    .flatMap((folder) => testFilesIn(root, folder))
    .filter((file) => usesTls(path.join(root, file), modules))
    .sort();
}

/** @param {string} root @param {string} folder */
function testFilesIn(root, folder) {
  return readdirSync(path.join(root, folder)).flatMap((name) => {
    const tests = path.join(folder, name, 'test');
    return listed(path.join(root, tests))
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => path.join(tests, file));
  });
}

/** @param {string} folder */
function listed(folder) {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return []; // a package without tests
  }
}

/**
 * @typedef {object} Module
 * @property {boolean} makesCertificates
 * @property {readonly string[]} imports - modules of tests.
 *
 * @param {string} file
 * @param {Map<string, Module>} modules - those that were read before.
 */
function usesTls(file, modules) {
  const waiting = [file];
  const seen = new Set(waiting);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const module = modules.get(next) ?? readModule(next);
    modules.set(next, module);
    if (module.makesCertificates) return true;
    for (const imported of module.imports) {
      if (!seen.has(imported)) waiting.push(imported);
      seen.add(imported);
    }
  }
  return false;
}

/** @param {string} file @returns {Module} */
function readModule(file) {
  // Missing if a program that a test writes imports it.
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const paths = [...text.matchAll(RELATIVE_IMPORT)].map(([, to]) => path.join(path.dirname(file), to ?? ''));
  return {
    makesCertificates: MAKES_CERTIFICATES.test(text),
    imports: paths.filter((to) => to.includes(`${path.sep}test${path.sep}`)),
  };
}
