import { expect } from 'vitest';
import { describePair } from './describe-pair.ts';

const HTML = { 'content-type': 'text/html; charset=UTF-8' };
const TEXT = { 'content-type': 'text/plain; charset=UTF-8' };
const JSON_TYPE = { 'content-type': 'application/json; charset=UTF-8' };

describePair(
  'structure/routes',
  async (client) => {
    expect(await client.get('/')).toMatchObject({
      status: 200,
      headers: HTML,
      body:
        '<ul><li><a href="/story/1">A tale of two loops</a></li>' +
        '<li><a href="/story/2">The old man and the C</a></li></ul>',
    });
    expect(await client.get('/story/1')).toMatchObject({
      status: 200,
      headers: JSON_TYPE,
      body: '{"id":"1","title":"A tale of two loops"}',
    });
    expect((await client.get('/story/9')).status).toBe(404);
    const photo = { status: 200, headers: TEXT, body: 'photo cat.jpg of 2012' };
    expect(await client.get('/photos/2012/cat.jpg')).toMatchObject(photo);
    expect(await client.get('/pictures/2012/cat.jpg?size=2')).toMatchObject({
      status: 301,
      headers: { location: '/photos/2012/cat.jpg?size=2' },
    });
    expect(await client.get('/app')).toMatchObject({ status: 302, headers: { location: '/' } });
  },
  { errorPages: true },
);

describePair(
  'structure/input',
  async (client) => {
    const found = { words: 'two loops', page: 1, tags: ['new', 'à la carte'] };
    const search = await client.get('/search?q=%20two+loops&tag=new&tag=%C3%A0+la+carte');
    expect(search).toMatchObject({ status: 200, headers: JSON_TYPE, body: JSON.stringify(found) });
    expect((await client.get('/search?q=a&page=x')).status).toBe(400);
    expect((await client.get('/message')).body).toContain('<form action="/message" method="post">');
    const sent = await client.post('/message', { message: ' hello ', to: 'all' });
    expect(sent).toMatchObject({ status: 200, headers: TEXT, body: 'to 1: hello' });

    const upload = new FormData();
    upload.append('file', new File(['hello'], 'a.txt', { type: 'text/plain' }));
    upload.append('file', new File([], 'empty.txt'));
    const uploaded = await client.send('/upload', { method: 'POST', body: upload });
    expect(uploaded.body).toBe('{"files":[["a.txt",5],["empty.txt",0]]}');

    const headers = { 'Content-Type': 'application/json' };
    const note = await client.send('/notes', { method: 'POST', headers, body: '{"text":" milk "}' });
    expect(note).toMatchObject({ status: 201, headers: JSON_TYPE, body: '{"text":"milk"}' });
  },
  { errorPages: true },
);

describePair(
  'structure/errors',
  async (client, program) => {
    const served = { 'x-served-by': 'guide' };
    const ok = await client.get('/');
    expect(ok).toMatchObject({ status: 200, headers: served, body: '{"calls":["prepare","get"]}' });
    const closed = await client.get('/', { 'X-Closed': 'yes' });
    expect(closed).toMatchObject({ status: 503, headers: served, body: 'closed for today' });
    const sorry = (status: number) => ({ status, headers: HTML, body: `<h1>${status}</h1><p>Sorry.</p>` });
    expect(await client.get('/broken')).toMatchObject(sorry(500));
    expect(await client.get('/order/7')).toMatchObject({ status: 200, body: '{"order":7}' });
    expect(await client.get('/order/101')).toMatchObject(sorry(404));
    const gone = { status: 410, headers: JSON_TYPE, body: '{"problem":"it was cancelled"}' };
    expect(await client.get('/order/13')).toMatchObject(gone);
    expect(await client.send('/nothing', { method: 'POST', body: 'a=b' })).toMatchObject(sorry(404));
    expect(await client.send('/order/7', { method: 'DELETE' })).toMatchObject(sorry(405));
    await program.printed(/^\/order\/101: 404$/m);
  },
  { headers: ['allow'] },
);

describePair('structure/waiting', async (client, program) => {
  expect(await client.get('/menu')).toMatchObject({ status: 200, headers: TEXT, body: '2 prices' });
  const reader = await client.open('/wait');
  expect(reader.first).toBe('waiting ...\n');
  const leaver = await client.open('/wait');
  leaver.leave();
  await program.printed(/a reader left/);
  expect(await client.send('/wait', { method: 'POST' })).toMatchObject({ status: 204, body: '' });
  expect(await reader.rest()).toBe('there is news\n');
});
