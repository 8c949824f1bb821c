import { expect } from 'vitest';
import { describePair } from './describe-pair.ts';

describePair(
  'templates/files',
  async (client) => {
    const all = await client.get('/');
    expect(all).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=UTF-8' } });
    expect(all.body).toContain('<title>All &lt;students&gt;</title>');
    expect(all.body).toContain('<li>Ann &lt;3 &amp; Bob (1)</li>');
    expect(all.body).toContain('<b>raw</b>');
    expect(all.body).toContain('<p>GOODBYE!</p>');
    expect(all.body).not.toContain('comment');
    const none = await client.get('/?year=3');
    expect(none.body).toContain('<p>There are no students.</p>');
    const [, style = ''] = /href="(\/static\/site\.css\?v=[^"]+)"/.exec(client.text) ?? [];
    expect(await client.get(style)).toMatchObject({
      status: 200,
      body: 'body {\n  font-family: sans-serif;\n}\n',
    });
  },
  { space: true, headers: ['cache-control', 'content-type', 'last-modified'] },
);

describePair(
  'templates/modules',
  async (client) => {
    const page = await client.get('/blog');
    expect(page.body).toContain('<h2><a href="/entry/loops">Loops &amp; &lt;more&gt;</a></h2>');
    expect(page.body).toContain('<p>2 entries at /blog</p>');
  },
  { assetTypes: true },
);

describePair(
  'templates/languages',
  async (client) => {
    const german = '<p>Hallo, Ann.</p><p>Sie haben 2 Nachrichten.</p>';
    expect((await client.get('/?count=2')).body).toBe('<p>Hello, Ann.</p><p>You have 2 messages.</p>');
    expect((await client.get('/?count=2', { 'Accept-Language': 'de-DE, de;q=0.9' })).body).toBe(german);
    const spanish = await client.get('/?count=1', { 'Accept-Language': 'fr, es-ES;q=0.8, de-DE;q=0.5' });
    expect(spanish.body).toBe('<p>Hola, Ann.</p><p>Tiene un mensaje.</p>');
    const chosen = { 'Accept-Language': 'es-ES', Cookie: 'language=de_DE' };
    expect((await client.get('/?count=2', chosen)).body).toBe(german);
  },
  { headers: ['vary'] },
);
