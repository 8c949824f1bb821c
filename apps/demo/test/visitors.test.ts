import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DemoSite } from './demo-site.ts';
import { admit, clientOf } from './visitor.ts';

describe('the names of visitors', () => {
  let site: DemoSite;
  beforeAll(async () => {
    site = await DemoSite.start();
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  it.each([
    ['  Ada \n\t Lovelace ', 'Ada Lovelace'],
    ['A\u0000d\u001ba', 'Ada'],
    ['\u202eadA', 'adA'],
    ['a\ud800b', 'ab'],
    ['👍🏽'.repeat(24), '👍🏽'.repeat(24)],
    ['<b>Ada</b>', '<b>Ada</b>'],
  ])('become plain text: %j becomes %j', async (name, expected) => {
    expect(await admit(site, name)).toMatchObject({ status: 200, name: expected });
  });

  it.each(['', '   ', '\u200b\u2060', '\u0000', '\u3164', 'a'.repeat(25), `a${'\u0301'.repeat(300)}`])(
    'are not %j',
    async (name) => {
      expect(await admit(site, name)).toMatchObject({ status: 422, problem: expect.stringContaining('24') });
    },
  );

  it('are different from those in any room, also where they only look the same', async () => {
    const present = [];
    const names = [];
    for (const name of ['Eve', 'eve', 'E\u200dve', 'Ｅｖｅ', 'a'.repeat(24), 'a'.repeat(24)]) {
      const visitor = await admit(site, name);
      names.push(visitor.name);
      const room = names.length % 2 === 0 ? 'lobby' : 'kitchen';
      const client = clientOf(site, { room, pass: visitor.pass });
      present.push(client);
      await new Promise<string>((onPosition) => client.subscribe(`room:${room}`, { onPosition }));
    }
    expect(names).toEqual(['Eve', 'eve 2', 'E\u200dve 3', 'Ｅｖｅ 4', 'a'.repeat(24), `${'a'.repeat(22)} 2`]);
    for (const client of present) client.close();
  });

  it('stay with a visitor who shows the old pass, and so does the id', async () => {
    const first = await admit(site, 'Flo');
    using client = clientOf(site, { room: 'lobby', pass: first.pass });
    await new Promise<string>((onPosition) => client.subscribe('room:lobby', { onPosition }));
    expect(await admit(site, 'Flo', first.pass)).toMatchObject({ id: first.id, name: 'Flo' });
    expect(await admit(site, 'Flo', 'forged')).toMatchObject({ name: 'Flo 2' });
  });

  it('are refused without a token, so that no other site can ask for a pass', async () => {
    const response = await fetch(`${site.origin}/visitors`, { method: 'POST', body: '{"name":"Ada"}' });
    expect(response.status).toBe(403);
  });
});
