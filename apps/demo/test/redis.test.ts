import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../../../packages/topics-redis/test/support/redis-server.ts';
import { freePort } from '../../../packages/topics-redis/test/support/scratch.ts';
import { madeUpText } from '../src/response/made-up-text.ts';
import type { Piece } from '../src/response/responses.ts';
import { join, people, say, texts } from './chat-pages.ts';
import { DESKTOP } from './chromium-scene.ts';
import { DemoBrowser, EVENTUALLY, picture } from './demo-browser.ts';
import { DemoProcess } from './demo-process.ts';
import { DemoSite } from './demo-site.ts';
import { RoomReader, readersAtAll } from './room-reader.ts';
import { clientOf, post, startResponse } from './visitor.ts';

describe('demos with one Redis', { timeout: 120_000 }, () => {
  it('share rooms, people and responses, on whatever port they are', async () => {
    const { url } = await startRedis();
    await using one = await DemoSite.start('--redis', url);
    await using two = await DemoSite.start('--redis', url);
    expect(one.output).toContain(`kept in Redis at ${new URL(url).host}`);
    using ada = await RoomReader.start(one);
    using bo = await RoomReader.start(two);
    expect(bo.facts.backplane).toBe('Redis');
    await ada.say('from one');
    await bo.say('from two');
    for (const { texts, present } of [ada, bo]) {
      await expect.poll(() => texts, EVENTUALLY).toEqual(['from one', 'from two']);
      await expect.poll(() => [...present].sort(), EVENTUALLY).toEqual([ada.id, bo.id].sort());
    }
    const id = await startResponse(one, 'Who reads this?');
    using client = clientOf(two, {});
    const words: string[] = [];
    const ended = new Promise<string>((resolve) => {
      client.run<Piece>(id, {
        onRecord: (piece) => words.push(...('text' in piece ? [piece.text] : [])),
        onEnd: ({ how }) => resolve(how),
      });
    });
    await expect.poll(() => words.length, EVENTUALLY).toBeGreaterThan(5);
    // The other demo goes on when the lease of this one has expired.
    await one.stop('SIGKILL');
    expect(await ended).toBe('finished');
    expect(words).toEqual(madeUpText('Who reads this?'));
  });

  it('may have several processes each, of which one is killed while lines are written', async () => {
    const { url } = await startRedis();
    await using site = await DemoSite.start('--redis', url, '--processes', '2');
    const readers = await readersAtAll(site);
    const [first] = readers as [RoomReader];
    const lines = [0, 1, 2, 3, 4, 5];
    const sent = readers.flatMap((reader, at) => lines.map((line) => reader.say(`${at}${line}`)));
    const { pid } = first.facts;
    await post(site, '/kill', { pid });
    await expect.poll(() => first.facts.pid, EVENTUALLY).not.toBe(pid);
    await Promise.all(sent);
    for (const { texts, gaps } of readers) {
      await expect.poll(() => texts, EVENTUALLY).toHaveLength(sent.length);
      expect(new Set(texts).size).toBe(sent.length);
      expect(gaps).toEqual([]);
    }
    for (const reader of readers) reader[Symbol.dispose]();
  });

  it('let tabs talk that are at different demos', async () => {
    const { url } = await startRedis();
    await using one = await DemoSite.start('--redis', url);
    await using two = await DemoSite.start('--redis', url);
    await using browser = await DemoBrowser.start();
    const ada = await join(await browser.open(one.origin), 'Ada');
    const bo = await join(await browser.open(two.origin), 'Bo');
    await say(ada, 'Where are you?');
    await expect.poll(() => texts(bo), EVENTUALLY).toEqual(['Where are you?']);
    await say(bo, 'At the other demo.');
    for (const page of [ada, bo]) {
      await expect.poll(() => texts(page), EVENTUALLY).toEqual(['Where are you?', 'At the other demo.']);
      await expect.poll(async () => (await people(page)).sort(), EVENTUALLY).toEqual(['Ada', 'Bo']);
      await page.locator('#served').getByText('backplane: Redis').waitFor();
    }
    await bo.getByText('Beneath this page').click();
    const tabs = bo.locator('[data-fact="tabs"]');
    await expect.poll(() => tabs.textContent(), EVENTUALLY).toBe('2, 1 of them at this process');
    await picture(bo, 'chat-redis', DESKTOP);
    expect(await browser.finish()).toEqual([]);
  });

  it('go on after Redis was stopped and started again', async () => {
    const redis = await startRedis({ persistence: 'aof' });
    await using site = await DemoSite.start('--redis', redis.url);
    using ada = await RoomReader.start(site);
    using bo = await RoomReader.start(site);
    await ada.say('before');
    await redis.stop();
    const meanwhile = ada.say('meanwhile');
    await redis.start();
    await meanwhile;
    await bo.say('after');
    for (const { texts, gaps } of [ada, bo]) {
      await expect.poll(() => texts, EVENTUALLY).toEqual(['before', 'meanwhile', 'after']);
      expect(gaps).toEqual([]);
    }
  });

  it('end with one line if there is none, or if it refuses them', async () => {
    const data = mkdtempSync(joinPath(tmpdir(), 'landspout-demo-test-'));
    const port = await freePort();
    const closed = await startRedis({ config: ['requirepass secret'] });
    for (const [url, host] of [
      [`redis://:secret@127.0.0.1:${port}`, `127.0.0.1:${port}`],
      [closed.url, new URL(closed.url).host],
    ] as const) {
      for (const processes of ['1', '2']) {
        const args = ['--port', '0', '--data', data, '--processes', processes];
        await using demo = new DemoProcess(args, { REDIS_URL: url });
        const { code, stdout, stderr } = await demo.ending();
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(/^Redis at .* cannot be used \(ERR_TOPICS_REDIS_CONNECT\): .*REDIS_URL\n$/);
        expect(stderr).toContain(`at ${host} `);
        expect(stderr).not.toContain('secret');
      }
    }
    rmSync(data, { recursive: true });
  });
});
