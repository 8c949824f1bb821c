import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { serveDoor } from '../../../src/processes/supervisor/serve-door.ts';
import { loadNative } from '../../../src/reactor/backend.ts';
import { DoorStory } from '../fixtures/door-story.ts';
import { Supervised } from '../fixtures/supervised.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/door-program.mjs', import.meta.url));

/** The native backend does not use node:cluster. */
const workers = (streams: readonly boolean[], count: number): unknown[] =>
  'binding' in loadNative() ? [] : Array(count).fill(streams);

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
  const streams = processes.map((one) =>
    [one?.stdin, one?.stdout, one?.stderr].map((stream) => stream !== null),
  );
  await supervised.supervisor.stop();
  return streams;
}

describe('the standard streams of children with message doors', () => {
  it('are those that the program has chosen for workers of node:cluster, whose settings stay as they are', async () => {
    cluster.setupPrimary({ silent: true });
    expect(await echoThrough(2)).toEqual(workers([true, true, true], 2));
    expect(cluster.settings.silent).toBe(true);
    expect(cluster.settings.stdio).toBeUndefined();
  });

  it('and further descriptors of the program precede the socket', async () => {
    const stdio = ['ignore', 'pipe', 'inherit', 'ipc', 'ignore', 'pipe'] as const;
    cluster.setupPrimary({ stdio: [...stdio] });
    expect(await echoThrough(1)).toEqual(workers([false, true, false], 1));
    expect(cluster.settings.stdio).toEqual(stdio);
    cluster.setupPrimary({ stdio: 'inherit' as unknown as string[] }); // Node accepts it, its types do not
    expect(await echoThrough(2)).toEqual(workers([false, false, false], 2));
    expect(cluster.settings.stdio).toBe('inherit');
  });
});
