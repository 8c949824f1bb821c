import path from 'node:path';
import { buildPackages, compile, temporaryFolder } from './build.mjs';
import { fileLimit, requirePrograms, shareCores } from './machine.mjs';
import { serverCommand } from './rows.mjs';

/** Descriptors that a process needs beside its connections. */
export const SPARE_FILES = 200;

/**
 * Builds what is measured, compiles the two C programs into a temporary folder that goes when the process does, and
 * shares out the cores.
 *
 * @param {{ build: boolean }} options
 */
export function setStage({ build }) {
  requirePrograms(['wrk', 'cc', 'taskset', 'prlimit', 'getconf']);
  if (build) buildPackages();
  const folder = temporaryFolder();
  const files = fileLimit();
  const made = {
    folder,
    answerFile: path.join(folder, 'answer'),
    floor: compile('floor', folder),
    idleClient: compile('idle-client', folder),
  };
  return {
    cores: shareCores(),
    files,
    mostConnections: files - SPARE_FILES,
    made,
    commandOf: (row, nodeFlags) => serverCommand(row, made, nodeFlags),
  };
}
