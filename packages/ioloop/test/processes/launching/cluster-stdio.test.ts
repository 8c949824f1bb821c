import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { serveDoor } from '../../../src/processes/supervisor/serve-door.ts';
import { loadNative } from '../../../src/reactor/backend.ts';
import { DoorStory } from '../fixtures/door-story.ts';
import { Supervised } from '../fixtures/supervised.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/door-program.mjs', import.meta.url));

/** Starts children whose doors return what is sent to them. @returns which standard streams the parent has of them. */
async function echoThrough(count: number): Promise<unknown[]> {
  const stories: DoorStory[] = [];
  const service = serveDoor('a', (door) => {
    door.send(Buffer.from('1'));
    const story = new DoorStory();
    stories.push(story);
    return story;
  });
  const supervised = new Supervised('echo', { program: PROGRAM, args: ['echo', 'a'], count });
  await supervised.supervisor.start();
  await expect.poll(() => stories.map(({ texts }) => texts)).toEqual(Array(count).fill(['1']));
  service.close();
  const processes = Object.values(cluster.workers ?? {}).map((worker) => worker?.process);
  return processes.map((one) => [one?.stdin, one?.stdout, one?.stderr].map((stream) => stream !== null));
}

describe.skipIf('binding' in loadNative())('message doors of children on the portable backend', () => {
  it('leave the settings of node:cluster as the program has made them', async () => {
    cluster.setupPrimary({ silent: true });
    expect(await echoThrough(2)).toEqual(Array(2).fill([true, true, true]));
    expect(cluster.settings).toMatchObject({ silent: true, stdio: undefined });
  });

  it('use a descriptor behind those of the program', async () => {
    const stdio = ['ignore', 'pipe', 'inherit', 'ipc', 'ignore', 'pipe'] as const;
    cluster.setupPrimary({ stdio: [...stdio] });
    expect(await echoThrough(1)).toEqual([[false, true, false]]);
    expect(cluster.settings.stdio).toEqual(stdio);
    cluster.setupPrimary({ stdio: 'inherit' as unknown as string[] }); // Node accepts it, its types do not
    expect(await echoThrough(2)).toContainEqual([false, false, false]);
    expect(cluster.settings.stdio).toBe('inherit');
  });
});
