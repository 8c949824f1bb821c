import { fileURLToPath } from 'node:url';
import type { ForeignClient, ForeignOptions, ForeignOutcome, ForeignServer } from './foreign-end.ts';
import { startProgram } from './program.ts';

const PROGRAM = fileURLToPath(new URL('python-end.py', import.meta.url));

/** Python's ssl module as a client. */
export const pythonClient: ForeignClient = async (options) => {
  const { port, body, servername = 'localhost', connections = 1 } = options;
  const own = { role: 'client', port, servername, connections };
  const program = startProgram('python3', [PROGRAM, JSON.stringify({ ...own, ...shared(options) })]);
  program.child.stdin.end(body);
  await program.closed;
  const [line, received] = splitLine(program.output());
  return { received, ...outcomeOf(line, program.errors()) };
};

/** Python's ssl module as a server. */
export const pythonServer: ForeignServer = async (options) => {
  const { bytes, isOptional, connections = 1 } = options;
  const own = { role: 'server', bytes, optional: isOptional, connections };
  const program = startProgram('python3', [PROGRAM, JSON.stringify({ ...own, ...shared(options) })]);
  await program.until((output) => output.includes('\n'));
  const { port } = JSON.parse(splitLine(program.output())[0]) as { port: number };
  const outcome = program.closed.then(() => {
    const [, rest] = splitLine(program.output());
    return outcomeOf(rest.toString(), program.errors());
  });
  return { port, outcome, stop: program.stop };
};

function shared({ version, caFile, certificate, alpn, crlFile }: ForeignOptions): object {
  return { version, caFile, alpn, crlFile, certFile: certificate?.certFile, keyFile: certificate?.keyFile };
}

function splitLine(output: Buffer): [line: string, rest: Buffer] {
  const end = output.indexOf('\n');
  return end === -1
    ? [output.toString(), Buffer.alloc(0)]
    : [output.toString('utf8', 0, end), output.subarray(end + 1)];
}

function outcomeOf(line: string, errors: string): Omit<ForeignOutcome, 'received'> {
  if (line === '') return { failure: errors };
  const { failure, version, alpn, resumed, peer } = JSON.parse(line) as Record<string, string | undefined> & {
    resumed?: boolean;
  };
  return { failure, version, alpn: alpn ?? undefined, isResumed: resumed, peer: peer ?? undefined };
}
