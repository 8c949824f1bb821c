import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('fixtures/exit-program.mjs', import.meta.url));

function run(...argv: string[]) {
  const env = { ...process.env, PORT: '2' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...argv], {
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('parseOrExit', () => {
  it('reads the command line and the environment of the process [OP-02]', () => {
    expect(run('--port=3', 'x')).toEqual({ status: 0, stdout: '{"port":3,"rest":["x"]}\n', stderr: '' });
    expect(run()).toEqual({ status: 0, stdout: '{"port":2,"rest":[]}\n', stderr: '' });
  });

  it('prints the help to standard output and exits with 0 [OP-02]', () => {
    const { status, stdout, stderr } = run('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^Usage: exit-program \[options\]\n[\s\S]*--port=N +Default: 1\. Environment: PORT\.\n/,
    );
  });

  it('prints the version', () => {
    expect(run('--version')).toEqual({ status: 0, stdout: '1.2.3\n', stderr: '' });
  });

  it('prints what is wrong to standard error and exits with 2', () => {
    expect(run('--prot=1')).toEqual({
      ...{ status: 2, stdout: '' },
      stderr: 'exit-program: unknown option --prot: did you mean --port?\nSee exit-program --help\n',
    });
  });
});
