import { mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { append, JournalTrial, kept } from './journal-trial.ts';
import { RunningProgram } from './running-program.ts';

const IN_USE = { name: 'JournalError', code: 'ERR_TOPICS_JOURNAL_IN_USE' };

const socketsIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.sock'));

describe('the owner of a journal', () => {
  it('is one backplane of a process', async () => {
    const trial = new JournalTrial();
    const first = await trial.open();
    await expect(trial.open()).rejects.toMatchObject(IN_USE);
    await expect(trial.open({ repair: true })).rejects.toMatchObject(IN_USE);
    await append(first, 'news', 1);
    await first.close();
    expect(socketsIn(trial.folder)).toEqual([]);
    expect(kept(await trial.open(), 'news').data).toEqual([1]);
  });

  it('is one of two processes, and no longer when it was killed', async () => {
    const trial = new JournalTrial();
    const program = new RunningProgram(['hold', trial.folder]);
    await program.printed(1);
    await expect(trial.open()).rejects.toMatchObject(IN_USE);
    program.process.kill('SIGKILL');
    await program.ended;
    const backplane = await trial.open();
    expect(kept(backplane, 'news').data).toEqual(['held']);
    // The socket of the killed process is gone, too.
    expect(socketsIn(trial.folder)).toEqual(['lock-2.sock']);
  });

  it('is one while it is stopped', async () => {
    const trial = new JournalTrial();
    const program = new RunningProgram(['hold', trial.folder]);
    await program.printed(1);
    program.process.kill('SIGSTOP');
    await expect(trial.open()).rejects.toMatchObject(IN_USE);
  });

  it.each([1, 2, 3])('is one of many that open it at once (round %i)', async () => {
    const trial = new JournalTrial();
    const killed = new RunningProgram(['hold', trial.folder]);
    await killed.printed(1);
    killed.process.kill('SIGKILL');
    await killed.ended;
    const programs = Array.from(
      { length: 6 },
      () => new RunningProgram<{ owner?: boolean; code?: string }>(['race', trial.folder]),
    );
    await Promise.all(programs.map((program) => program.printed(1)));
    for (const program of programs) program.process.stdin?.write('go\n');
    const lines = await Promise.all(programs.map(async (program) => (await program.printed(2))[1]));
    expect(lines.filter((line) => line?.owner === true)).toHaveLength(1);
    expect(lines.filter((line) => line?.code === IN_USE.code)).toHaveLength(5);
  });

  it('is one of many that open it at once in a process', async () => {
    const trial = new JournalTrial();
    const opened = await Promise.allSettled(Array.from({ length: 8 }, () => trial.open()));
    expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of opened) if (one.status === 'rejected') expect(one.reason).toMatchObject(IN_USE);
  });

  it('removes the sockets of processes that are gone', async () => {
    const trial = new JournalTrial();
    const server = createServer().listen(join(trial.folder, 'lock-7.sock'));
    await new Promise((resolve) => server.once('listening', resolve));
    await expect(trial.open()).rejects.toMatchObject(IN_USE);
    await new Promise((resolve) => server.close(resolve));
    // Files are no sockets that anything listens on.
    mkdirSync(join(trial.folder, 'lock-x.sock'));
    await (await trial.open()).close();
  });

  it.skipIf(process.platform !== 'linux')('has a folder whose path is too long for a socket', async () => {
    const trial = new JournalTrial();
    const folder = join(trial.folder, 'x'.repeat(120), 'y'.repeat(120));
    const backplane = await trial.open({ folder });
    await append(backplane, 'news', 1);
    await expect(trial.open({ folder })).rejects.toMatchObject(IN_USE);
    await backplane.close();
    expect(socketsIn(folder)).toEqual([]);
    expect(kept(await trial.open({ folder }), 'news').data).toEqual([1]);
  });

  it('is a process that ends by itself', async () => {
    const trial = new JournalTrial();
    const program = new RunningProgram(['idle', trial.folder]);
    expect(await program.ended).toBe(0);
    expect(program.lines).toEqual([{ done: true }]);
    expect(kept(await trial.open(), 'news').data).toEqual(['idle']);
  });
});
