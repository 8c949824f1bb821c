import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { NoticeReceiver } from '../../../ioloop/test/systemd/notice-receiver.ts';
import { RunningLines } from '../fixtures/running-lines.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/start-program.mjs', import.meta.url));
/** Its server stops within 60 s, a parent within 90 s; systemd gets 5 s more. */
const STOPPING = ['STOPPING=1', 'EXTEND_TIMEOUT_USEC=65000000'];
const PARENT_STOPPING = ['STOPPING=1', 'EXTEND_TIMEOUT_USEC=95000000'];

interface Line {
  readonly port?: number;
  readonly pid?: number;
}

const start = (options: object): RunningLines<Line> =>
  new RunningLines<Line>(PROGRAM, JSON.stringify(options));

describe('HTTPServer.start under systemd', () => {
  it('reports that one process is ready, and that it stops', async () => {
    const receiver = new NoticeReceiver();
    const program = start({ processes: 1 });
    await program.heard('port');
    expect(await receiver.next()).toEqual(['READY=1']);
    program.process.kill('SIGTERM');
    expect(await receiver.next()).toEqual(STOPPING);
    expect(await program.ended).toBe(0);
    expect(receiver.waiting).toEqual([]);
  });

  it('reports once for all children, when the last of them listens, and that they stop', async () => {
    const receiver = new NoticeReceiver();
    const program = start({ processes: 2 });
    expect(await receiver.next()).toEqual(['READY=1']);
    const [first] = await program.heard('port', 2);
    expect((await fetch(`http://127.0.0.1:${first?.port}/`)).status).toBe(200);
    program.process.kill('SIGTERM');
    expect(await receiver.next()).toEqual(PARENT_STOPPING);
    expect(await program.ended).toBe(0);
    expect(receiver.waiting).toEqual([]);
  });

  it('reports a rolling restart from its beginning to its end', async () => {
    const receiver = new NoticeReceiver();
    const program = start({ processes: 2 });
    await receiver.next();
    await program.heard('port', 2);
    program.process.kill('SIGHUP');
    const [state, time] = await receiver.next();
    expect([state, time]).toEqual(['RELOADING=1', expect.stringMatching(/^MONOTONIC_USEC=\d+$/)]);
    expect(await receiver.next()).toEqual(['READY=1']);
    expect(await program.heard('port', 4)).toHaveLength(4);
    program.process.kill('SIGTERM');
    expect(await receiver.next()).toEqual(PARENT_STOPPING);
    expect(await program.ended).toBe(0);
  });

  it.each([1, 2])(
    'leaves it to the program that the service is ready, with systemd: false (%i)',
    async (processes) => {
      const receiver = new NoticeReceiver();
      const program = start({ processes, systemd: false });
      await program.heard('port', processes);
      program.process.kill('SIGTERM');
      expect(await program.ended).toBe(0);
      expect(receiver.waiting).toEqual(processes === 1 ? [STOPPING.join('\n')] : []);
    },
  );
});
