import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { safeFileName, UploadedFile } from './files.ts';

describe('safeFileName', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['日本語 🙂.txt', '日本語 🙂.txt'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\dir\\..\\a.txt', 'a.txt'],
    ['/srv/x/', 'file'],
    ['..', 'file'],
    ['.', 'file'],
    ['', 'file'],
    ['   ', 'file'],
    ['.htaccess', 'htaccess'],
    ['...a', 'a'],
    ['a.txt. .', 'a.txt'],
    ['a\0b\r\nc\x7f\x85.txt', 'abc.txt'],
    ['gpj.\u202Eexe', 'gpj.exe'],
    ['a\u200b\ufeff\u2028b', 'ab'],
    ['a.txt:stream', 'a.txt_stream'],
    ['a"b<c>?*|', 'a_b_c____'],
    ['CON', '_CON'],
    ['nul.tar.gz', '_nul.tar.gz'],
    ['com1.txt', '_com1.txt'],
    ['console.log', 'console.log'],
    ['__proto__', '__proto__'],
  ])('makes of %j the name %j [ATT-47]', (filename, safe) => {
    expect(safeFileName(filename)).toBe(safe);
  });

  it('cuts a long name before its extension, and not inside a character', () => {
    expect(safeFileName(`${'x'.repeat(300)}.txt`)).toBe(`${'x'.repeat(251)}.txt`);
    expect(safeFileName(`${'ü'.repeat(300)}.txt`)).toBe(`${'ü'.repeat(125)}.txt`);
    expect(safeFileName('🙂'.repeat(100))).toBe('🙂'.repeat(63));
    expect(safeFileName(`a.${'x'.repeat(300)}`)).toBe(`a.${'x'.repeat(253)}`);
    expect(Buffer.byteLength(safeFileName(`con.${'ü'.repeat(300)}`))).toBeLessThanOrEqual(255);
  });
});

describe('UploadedFile', () => {
  it('keeps the name as it was sent beside the safe one, and has a default type [HU-11]', () => {
    const part = { name: 'f', filename: '../a.txt', contentType: undefined, headers: new HTTPHeaders() };
    const file = new UploadedFile(part, Buffer.from('x'));
    expect(file).toMatchObject({ fieldName: 'f', filename: '../a.txt', contentType: 'application/unknown' });
    expect(file.safeName).toBe('a.txt');
  });
});
