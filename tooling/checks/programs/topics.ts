// topics alone: a subscriber that comes back, a schema by shape, and a run that a journal keeps.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import { JournalBackplane, Runs, type TopicEvent, Topics } from '@landspout/topics';

const folder = mkdtempSync(path.join(tmpdir(), 'landspout-topics-'));

async function first(count: number, events: AsyncIterable<TopicEvent<{ text: string }>>): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of events) {
    if (event.kind !== 'record') continue;
    // @ts-expect-error: messages of this topic have no such property.
    assert.equal(event.data.name, undefined);
    if (texts.push(event.data.text) === count) break;
  }
  return texts;
}

try {
  let cursor: string;
  {
    await using backplane = await JournalBackplane.open({ folder });
    await using topics = new Topics({ backplane });
    const room = topics.topic<{ text: string }>('room');
    cursor = await room.publish({ text: 'first' });
    await room.publish({ text: 'second' });
    // @ts-expect-error: a number is not a message of this topic.
    await room.publish(3);
    await using runs = new Runs({ backplane });
    const handle = await runs.start('answer', { owner: 'ada' }, async (run) => {
      await run.write('token');
      return 1;
    });
    assert.equal((await handle.ended).how, 'finished');
  }
  await using backplane = await JournalBackplane.open({ folder });
  await using topics = new Topics({ backplane });
  const room = topics.topic<{ text: string }>('room');
  assert.deepEqual(await first(1, await room.subscribe({ after: cursor })), ['second']);
  await using runs = new Runs({ backplane });
  const status = await runs.info('answer');
  assert.deepEqual([status.owner, status.end?.how, status.end?.result], ['ada', 'finished', 1]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${IOLoop.current().backend} backend`);
