// topics-redis alone: two backplanes on one Redis, started here without a port: a subscriber that comes back, and a run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import { Runs, Topics } from '@landspout/topics';
import { RedisBackplane, RedisBackplaneError } from '@landspout/topics-redis';

const folder = mkdtempSync(path.join(tmpdir(), 'landspout-redis-'));
const socket = { path: path.join(folder, 'socket'), tls: false } as const;
// What the README says about a Redis that is not there.
await assert.rejects(RedisBackplane.connect({ client: { socket } }), RedisBackplaneError);

const server = spawn('redis-server', [
  '--port',
  '0',
  '--unixsocket',
  socket.path,
  '--save',
  '',
  '--dir',
  folder,
]);
try {
  for (let output = ''; !/ready to accept/i.test(output); ) output += (await once(server.stdout, 'data'))[0];
  await using here = await RedisBackplane.connect({ client: { socket } });
  await using there = await RedisBackplane.connect({ client: { socket } });
  // @ts-expect-error: there is no such option.
  await assert.rejects(RedisBackplane.connect({ client: { socket }, prefx: 'x' }), /prefx/);

  await using topics = new Topics({ backplane: here });
  await using others = new Topics({ backplane: there });
  const cursor = await topics.topic<string>('room').publish('first');
  const subscription = await others.topic<string>('room').subscribe({ after: cursor });
  await topics.topic<string>('room').publish('second');
  for await (const event of subscription) {
    if (event.kind !== 'record') continue;
    assert.equal(event.data, 'second');
    break;
  }
  await using runs = new Runs({ backplane: here });
  await using readers = new Runs({ backplane: there });
  const handle = await runs.start('answer', { owner: 'ada' }, async (run) => {
    await run.write('token');
    return 1;
  });
  assert.equal((await handle.ended).how, 'finished');
  assert.equal((await readers.info('answer')).end?.result, 1);
} finally {
  server.kill();
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${IOLoop.current().backend} backend`);
