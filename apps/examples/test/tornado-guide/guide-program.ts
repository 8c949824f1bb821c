import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ExampleProcess } from '../example-process.ts';

const SOURCES = fileURLToPath(new URL('../../tornado-guide/', import.meta.url));
const ANNOUNCE = fileURLToPath(new URL('announce.py', import.meta.url));

/** The Python of Debian, for which there is a package of Tornado. */
const PYTHON = '/usr/bin/python3';

/** Whether the programs for Tornado can be run. Continuous integration installs Tornado. */
export const hasTornado = spawnSync(PYTHON, ['-c', 'import tornado']).status === 0;

export const FRAMEWORKS = ['Landspout', 'Tornado'] as const;

export type Framework = (typeof FRAMEWORKS)[number];

/**
 * Starts a program of the guide. Servers listen on any free port, and print their URL.
 *
 * @param name - such as `structure/routes`.
 * @param args - its arguments.
 */
export function startProgram(
  framework: Framework,
  name: string,
  args: readonly string[] = [],
): ExampleProcess {
  const env = { PORT: '0', PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' };
  const surroundings = { env, group: true };
  if (framework === 'Tornado') {
    return ExampleProcess.command(PYTHON, [ANNOUNCE, `${SOURCES}${name}.py`, ...args], surroundings);
  }
  return ExampleProcess.command(process.execPath, [`tornado-guide/${name}.js`, ...args], surroundings);
}
