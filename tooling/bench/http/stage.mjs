import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPackages, compile, temporaryFolder } from '../build.mjs';
import { requirePrograms, shareCores } from '../machine.mjs';
import { serverCommand } from '../rows.mjs';
import { SPARE_FILES } from '../stage.mjs';
import { findPeers } from './peers.mjs';

/**
 * Builds what is measured, compiles the floor and the clients into a temporary folder, looks for the peers, and shares
 * out the cores.
 *
 * @param {{ build: boolean, files: number }} options
 * @param {readonly import('./rows.mjs').HttpRow[]} rows
 */
export function setHttpStage({ build, files }, rows) {
  requirePrograms(['cc', 'taskset', 'prlimit', 'getconf']);
  if (build) buildPackages();
  const folder = temporaryFolder();
  const peers = findPeers(new Set(rows.flatMap(({ peer = [] }) => peer)), folder);
  const made = {
    folder,
    floor: compile('floor', folder),
    httpClient: compile('http-client', folder),
    idleClient: compile('idle-client', folder),
    crowd: compile('crowd', folder),
  };
  return {
    cores: shareCores(),
    files,
    mostConnections: files - SPARE_FILES,
    made,
    peers,
    commandOf: (row, nodeFlags) => httpCommand(row, made, peers, nodeFlags),
  };
}

/** The file with the answer of a server to what a row asks. @param {import('./rows.mjs').HttpRow} row */
export function answerFile({ id, settings }, { folder }) {
  return path.join(folder, `${id}-${settings.ask.id}`);
}

/**
 * @param {import('./rows.mjs').HttpRow} row
 * @param {{ floor: string, folder: string }} made
 * @param {Map<string, import('./peers.mjs').Peer>} peers
 * @param {readonly string[]} [nodeFlags] - such as `--expose-gc`, which other runtimes call otherwise.
 */
export function httpCommand(row, made, peers, nodeFlags = []) {
  const { ask, crowd } = row.settings;
  if (row.program === undefined) {
    const command = serverCommand(row, { floor: made.floor, answerFile: answerFile(row, made) });
    return ask.upBytes === undefined ? command : [...command, String(ask.upBytes)];
  }
  const settings = JSON.stringify({ downBytes: ask.downBytes, upBytes: ask.upBytes, crowd });
  if (row.peer === undefined) return [...serverCommand(row, made, nodeFlags), settings];
  const { command, collects } = peers.get(row.peer);
  const program = fileURLToPath(new URL(`../servers/${row.program}`, import.meta.url));
  return [...command, ...(nodeFlags.includes('--expose-gc') ? collects : []), program, settings];
}
