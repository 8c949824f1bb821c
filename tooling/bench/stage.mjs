import path from 'node:path';
import { buildPackages, compile, temporaryFolder } from './build.mjs';
import { connectionLimits, requirePrograms, shareCores } from './machine.mjs';

/** Descriptors that a process needs beside its connections. */
const SPARE_FILES = 200;

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
  const limits = connectionLimits();
  return {
    cores: shareCores(),
    files: limits.files,
    mostConnections: Math.min(limits.files, limits.ports) - SPARE_FILES,
    made: {
      folder,
      answerFile: path.join(folder, 'answer'),
      floor: compile('floor', folder),
      idleClient: compile('idle-client', folder),
    },
  };
}
