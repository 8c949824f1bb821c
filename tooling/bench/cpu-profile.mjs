import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Self time per function of a .cpuprofile: the time of its samples in which it was on top of the stack.
 *
 * @param {{ nodes: object[], samples: number[], timeDeltas: number[], startTime: number }} profile
 * @param {{ fromUs: number, toUs: number }} window - on the clock of the profile; samples outside are left out.
 * @returns {{ group: string, name: string, where: string, us: number }[]} most first.
 */
export function selfTimes(profile, { fromUs, toUs }) {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const found = new Map();
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    at += profile.timeDeltas[index];
    // A sample stands for the time until the next one.
    const us = profile.timeDeltas[index + 1] ?? 0;
    if (at < fromUs || at > toUs || us <= 0) continue;
    const frame = frames.get(id);
    const key = `${frame.functionName} ${frame.url} ${frame.lineNumber} ${frame.columnNumber}`;
    const entry = found.get(key) ?? { frame, us: 0 };
    entry.us += us;
    found.set(key, entry);
  }
  return [...found.values()].map(({ frame, us }) => ({ ...describe(frame), us })).sort((a, b) => b.us - a.us);
}

/** @param {{ group: string, us: number }[]} functions @returns {[string, number][]} most first. */
export function sumByGroup(functions) {
  const sums = new Map();
  for (const { group, us } of functions) sums.set(group, (sums.get(group) ?? 0) + us);
  return [...sums].sort(([, a], [, b]) => b - a);
}

/** Where a function stands, in the terms of its source where a source map tells. */
function describe({ functionName, url, lineNumber, columnNumber }) {
  const name = functionName || '(anonymous)';
  if (url === '') return { group: name.startsWith('(') ? name : 'native functions', name, where: '' };
  if (url.startsWith('node:')) return { group: 'node itself', name, where: `${url}:${lineNumber + 1}` };
  const file = url.startsWith('file:') ? fileURLToPath(url) : url;
  const original = sourceMap(file)?.findEntry(lineNumber, columnNumber);
  const source = original?.originalSource;
  if (source === undefined)
    return { group: groupOf(file), name, where: `${shorten(file)}:${lineNumber + 1}` };
  const resolved = path.resolve(
    path.dirname(file),
    source.startsWith('file:') ? fileURLToPath(source) : source,
  );
  return { group: groupOf(file), name, where: `${shorten(resolved)}:${original.originalLine + 1}` };
}

/** @param {string} file */
function groupOf(file) {
  const installed = file.lastIndexOf('/node_modules/');
  if (installed !== -1) return /^(@[^/]+\/)?[^/]+/.exec(file.slice(installed + 14))?.[0] ?? file;
  const workspace = /\/packages\/([^/]+)\//.exec(file)?.[1];
  return workspace === undefined ? 'the server program' : `packages/${workspace}`;
}

function shorten(file) {
  return file.replace(/^.*\/(?=(packages|tooling|node_modules)\/)/, '');
}

/** @type {Map<string, SourceMap | undefined>} */
const maps = new Map();

function sourceMap(file) {
  if (!maps.has(file)) {
    const beside = `${file}.map`;
    maps.set(file, existsSync(beside) ? new SourceMap(JSON.parse(readFileSync(beside, 'utf8'))) : undefined);
  }
  return maps.get(file);
}
