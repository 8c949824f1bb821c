import { removeFolder, scratchFolder } from '../../support/scratch.ts';
import type { Accounts } from '../counting.ts';
import type { Scenario, Tools } from '../scenario.ts';
import { type Family, startFamily } from '../server-processes.ts';
import { Trial } from '../trial.ts';
import { RUNS } from './redis-trial.ts';

const RUN = { records: 60, before: 20, pauseMs: 10 };

async function withFamily(
  tools: Tools,
  options: { readonly isContinued?: boolean; readonly processes?: object },
  work: (trial: Trial, family: Family) => Promise<void>,
): Promise<{ readonly accounts: Accounts }> {
  const family = await startFamily({ ...tools.programOptions, runs: RUNS, ...options });
  const trial = new Trial(family.servers, tools.size, tools.door);
  await work(trial, family);
  return { accounts: await trial.finish() };
}

function killProducer(tools: Tools, isContinued: boolean): Promise<{ readonly accounts: Accounts }> {
  return withFamily(tools, { isContinued }, async (trial, family) => {
    await trial.beginRun('run', 0, RUN.records, RUN.pauseMs);
    await trial.written('run', RUN.before);
    await family.kill(0);
  });
}

async function killParent(trial: Trial, family: Family): Promise<void> {
  await trial.begin();
  await family.killParent();
  await family.start();
  await trial.progress();
}

/** Three children of one program on the processes backplane. */
export const PROCESSES: readonly Scenario[] = [
  {
    name: 'kill -9 of one of three children',
    expected: {
      text: 'Nothing is lost or doubled; its clients go on elsewhere',
    },
    run: (tools) =>
      withFamily(tools, {}, async (trial, family) => {
        await trial.begin();
        await family.kill(0);
        await family.revive(0);
        await trial.progress();
      }),
  },
  {
    name: "kill -9 of a run's child, with onInterrupted",
    expected: { text: 'Another child continues the run; all readers get all of it', end: 'finished' },
    run: (tools) => killProducer(tools, true),
  },
  {
    name: "kill -9 of a run's child, without it",
    expected: {
      text: 'The run ends as interrupted at all readers, with all that was written',
      end: 'interrupted',
    },
    run: (tools) => killProducer(tools, false),
  },
  {
    name: 'kill -9 of the parent, without a journal',
    expected: {
      text: 'All is lost with the parent; each reader gets a gap (reset), and all after it',
      gaps: ['reset'],
      isGapSure: true,
      losses: 'behind-gaps',
    },
    run: (tools) => withFamily(tools, {}, killParent),
  },
  {
    name: 'kill -9 of the parent, with a journal',
    expected: { text: 'Nothing is lost or doubled' },
    async run(tools) {
      const folder = scratchFolder();
      try {
        return await withFamily(tools, { processes: { journal: { folder } } }, killParent);
      } finally {
        removeFolder(folder);
      }
    },
  },
];
