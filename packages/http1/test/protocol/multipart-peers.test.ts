import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { Busboy } from '@fastify/busboy';
import { describe, expect, it } from 'vitest';
import { DATA, END, HEAD, PART_END } from '../../src/protocol/index.ts';
import { multipartBoundary } from '../../src/protocol/multipart/boundary.ts';
import { MultipartDecoder } from '../../src/protocol/multipart/multipart-decoder.ts';
import { MultipartEncoder, PART_TAIL } from '../../src/protocol/multipart/multipart-encoder.ts';
import { randomOf } from '../../testdata/random.ts';
import { type PartToWrite, writeMultipart } from '../../testdata/write-multipart.ts';

/** A part as both readers report it. */
interface ReadPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly body: string;
}

function readByUs(body: Buffer, boundary: string): ReadPart[] {
  const decoder = new MultipartDecoder(boundary);
  const parts: ReadPart[] = [];
  let text = '';
  decoder.receive(body, 0, body.length);
  decoder.endOfInput();
  for (let event = decoder.next(); event !== END; event = decoder.next()) {
    if (event === HEAD) text = '';
    if (event === DATA) text += decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd);
    if (event === PART_END)
      parts.push({ name: decoder.part.name, filename: decoder.part.filename, body: text });
  }
  return parts;
}

async function readByBusboy(body: Buffer, boundary: string): Promise<ReadPart[]> {
  const busboy = new Busboy({
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    preservePath: true,
    defCharset: 'latin1',
  });
  const parts: ReadPart[] = [];
  busboy.on('field', (name, value) => parts.push({ name, filename: undefined, body: value }));
  busboy.on('file', (name, stream, filename) => {
    const part = { name, filename, body: '' };
    parts.push(part);
    stream.on('data', (chunk: Buffer) => {
      part.body += chunk.toString('latin1');
    });
  });
  const finished = once(busboy, 'finish');
  busboy.end(body);
  await finished;
  return parts;
}

describe('@fastify/busboy', () => {
  it('reads what we write as we read it [HU-11]', async () => {
    const boundary = '----b';
    const pieces = ['\r\n', '--', '----b', '\r', '\n', 'text', '\r\n----', '\r\n------', '\xff'];
    const names = ['a', 'a;b', 'ü', '日本語', 'a "quoted" name', '__proto__'];
    for (let seed = 0; seed < 200; seed += 1) {
      const random = randomOf(seed);
      const parts: PartToWrite[] = Array.from({ length: 1 + random(4) }, () => ({
        name: names[random(names.length)] as string,
        filename: random(2) === 0 ? undefined : `${names[random(names.length)]}.txt`,
        body: Buffer.from(
          Array.from({ length: random(8) }, () => pieces[random(pieces.length)]).join(''),
          'latin1',
        ),
      }));
      // A body that has the delimiter in it would be written wrongly.
      if (parts.some(({ body }) => `\r\n${body.toString('latin1')}`.includes(`\r\n--${boundary}`))) continue;
      const written = writeMultipart(parts, boundary);
      const expected = parts.map(({ name, filename, body }) => ({
        name,
        filename,
        body: body.toString('latin1'),
      }));
      expect(readByUs(written, boundary), `seed ${seed}`).toEqual(expected);
      expect(await readByBusboy(written, boundary), `seed ${seed}`).toEqual(expected);
    }
  });
});

describe('MultipartEncoder', () => {
  const names = ['a', 'a;b', 'ü', '日本語', 'a\\b', '__proto__', "a'b", '🙂'];
  const parts: ReadPart[] = names.flatMap((name) => [
    { name, filename: undefined, body: `of ${names.indexOf(name)}` },
    { name: 'file', filename: name, body: '\r\n--\xff' },
  ]);

  function encoded(written: readonly ReadPart[]): {
    readonly body: Buffer;
    readonly encoder: MultipartEncoder;
  } {
    const encoder = new MultipartEncoder('----b0');
    const pieces = written.flatMap(({ name, filename, body }) => [
      encoder.partHead({ name, filename, contentType: filename && 'text/plain' }),
      Buffer.from(body, 'latin1'),
      Buffer.from(PART_TAIL),
    ]);
    return { body: Buffer.concat([...pieces, encoder.end]), encoder };
  }

  it('writes what @fastify/busboy reads [HU-11] [HU-12]', async () => {
    const { body } = encoded(parts);
    expect(await readByBusboy(body, '----b0')).toEqual(parts);
  });

  it('writes the bytes that Node writes for the same form [HU-11] [HU-12]', async () => {
    const form = new FormData();
    const written = [...parts, { name: 'q"\n', filename: 'f"\r\n', body: '' }];
    for (const { name, filename, body } of written) {
      if (filename === undefined) form.append(name, body);
      else form.append(name, new File([Buffer.from(body, 'latin1')], filename, { type: 'text/plain' }));
    }
    const response = new Response(form);
    const boundary = multipartBoundary(response.headers.get('Content-Type') ?? undefined);
    const theirs = Buffer.from(await response.arrayBuffer())
      .toString()
      .replaceAll(boundary, '----b0');
    // Older versions of Node do not end the last line.
    expect(encoded(written).body.toString().trimEnd()).toBe(theirs.trimEnd());
  });
});

describe('the FormData of Node', () => {
  it('is read as it was made, with its escapes of names [HU-11] [HU-12]', async () => {
    const form = new FormData();
    const names = ['a', 'ü', 'a"b', 'a\\b', 'line\r\nbreak', ';', '__proto__', '日本語'];
    for (const name of names) form.append(name, `value of ${name}`);
    form.append('file', new File([Buffer.from('\r\n--\xff', 'latin1')], 'naïve "file" 🙂.txt'));
    form.append('file', new File([], 'empty'));
    const response = new Response(form);
    const boundary = multipartBoundary(response.headers.get('Content-Type') ?? undefined);
    const parts = readByUs(Buffer.from(await response.arrayBuffer()), boundary);
    expect(parts.map(({ name, filename }) => [name, filename])).toEqual([
      ...names.map((name) => [name, undefined]),
      ['file', 'naïve "file" 🙂.txt'],
      ['file', 'empty'],
    ]);
    expect(parts.at(-2)?.body).toBe('\r\n--\xff');
    expect(Buffer.from(parts[1]?.body ?? '', 'latin1').toString()).toBe('value of ü');
  });

  it('without an entry is a form without parts', async () => {
    const response = new Response(new FormData());
    const boundary = multipartBoundary(response.headers.get('Content-Type') ?? undefined);
    expect(readByUs(Buffer.from(await response.arrayBuffer()), boundary)).toEqual([]);
  });
});
