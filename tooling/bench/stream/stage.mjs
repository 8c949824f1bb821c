import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { buildPackages, compile, temporaryFolder } from '../build.mjs';
import { fileLimit, requirePrograms, shareCores } from '../machine.mjs';
import { SPARE_FILES } from '../stage.mjs';
import { streamCommand } from './rows.mjs';

const MIB = 1024 * 1024;

/**
 * Builds what is measured, compiles the floor and the clients into a temporary folder, makes the file that is sent
 * where one is, and shares out the cores.
 *
 * @param {{ build: boolean, fileMiB: number }} options
 * @param {readonly import('./rows.mjs').StreamRow[]} rows
 */
export function setStreamStage({ build, fileMiB }, rows) {
  requirePrograms(['cc', 'taskset', 'prlimit', 'getconf']);
  if (build) buildPackages();
  const folder = temporaryFolder();
  const files = fileLimit();
  const made = {
    folder,
    file: path.join(folder, 'file'),
    echo: compile('echo', folder),
    echoClient: compile('echo-client', folder),
    lineSender: compile('line-sender', folder),
    idleClient: compile('idle-client', folder),
    fileSink: compile('file-sink', folder),
  };
  if (rows.some(({ section }) => section === 'send-file')) writeRandomFile(made.file, fileMiB);
  return {
    cores: shareCores(),
    files,
    mostConnections: files - SPARE_FILES,
    made,
    commandOf: (row, nodeFlags) => streamCommand(row, made, nodeFlags),
  };
}

/** Random, so that bytes at the wrong place are noticed. */
function writeRandomFile(file, mebibytes) {
  const fd = openSync(file, 'w');
  const chunk = Buffer.allocUnsafe(MIB);
  for (let written = 0; written < mebibytes; written += 1) writeSync(fd, randomFillSync(chunk));
  closeSync(fd);
}
