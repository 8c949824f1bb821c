import { describe, expect, it } from 'vitest';
import { ExampleProcess } from './example-process.ts';
import { Visitor } from './visitor.ts';

describe('the example languages', () => {
  it('is a page in the language of the browser, until the visitor chooses another [LO-02] [LO-03]', async () => {
    await using program = ExampleProcess.program('languages.js');
    const url = await program.url();
    const response = await fetch(url, { headers: { 'Accept-Language': 'de-AT, en;q=0.5' } });
    expect(response.headers.get('Vary')).toBe('Accept-Language');
    const german = await response.text();
    expect(german).toContain('<html lang="de" dir="ltr">');
    expect(german).toContain('1 Besuch, zuletzt jetzt.');
    expect(german).toContain('auf <b lang="en-US">English (US)</b>, <b lang="de">Deutsch</b> und <b');

    const visitor = new Visitor(url);
    const english = await visitor.get('/');
    expect(english.text).toContain('2 visits, the last one ');
    expect(await visitor.post('/', { language: 'ar' })).toMatchObject({ status: 303, location: '/' });
    const arabic = await visitor.get('/');
    expect(arabic.text).toContain('<html lang="ar" dir="rtl">');
    expect(arabic.text).toContain('أهلاً وسهلاً');
    await visitor.post('/', { language: '../x' });
    expect((await visitor.get('/')).text).toContain('dir="rtl"');
  });
});
