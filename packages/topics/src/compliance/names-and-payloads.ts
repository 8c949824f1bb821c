import assert from 'node:assert/strict';
import type { BackplaneSuite } from './backplane-suite.ts';
import { numbers, runLog, topicLog, until, WHOLE } from './backplane-trial.ts';

/**
 * Names that are special in keys, files, patterns, hash tags or objects, and names that a careless encoding takes for
 * each other.
 */
const AWKWARD_NAMES: readonly string[] = [
  'plain',
  'PLAIN',
  'Plain',
  'plain ',
  ' plain',
  ' ',
  '.',
  '..',
  '../..',
  '/',
  '//',
  '/etc/passwd',
  'a/b',
  'a:b',
  'a%2Fb',
  'a%3Ab',
  'a+b',
  'a b',
  'a%20b',
  '{',
  '}',
  '{}',
  '{a}b',
  '{b}a',
  'a{',
  '*',
  'a*',
  '?',
  '[a-z]',
  '\\',
  '\\x00',
  '"',
  "'",
  '$',
  '#',
  '%',
  '~',
  '-',
  '_',
  'con',
  'nul',
  '0',
  '1e3',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  'é',
  'e\u0301',
  'É',
  'ß',
  'ss',
  'ı',
  'İ',
  'K',
  '\u212a',
  'ﬁ',
  'fi',
  '\u00a0',
  '\u200b',
  '\u2028',
  '\ufeff',
  '\uffff',
  '\u202eabc',
  '😀',
  '👩‍👩‍👧',
  '\u{10ffff}',
  'x'.repeat(256),
  `${'x'.repeat(255)}y`,
  'é'.repeat(128),
  '😀'.repeat(64),
  `${'😀'.repeat(63)}/../`,
];

/** Cases of names, keys, ids and payloads of any content. */
export function namesAndPayloads(suite: BackplaneSuite): void {
  names(suite);
  payloads(suite);
}

function names(suite: BackplaneSuite): void {
  suite.check('keeps topics apart whatever their names consist of', async (trial) => {
    const followers = await Promise.all(AWKWARD_NAMES.map((name, node) => trial.follow(name, { node })));
    await Promise.all(AWKWARD_NAMES.map((name) => trial.append(name, name)));
    await trial.received(followers, 1);
    for (const [index, name] of AWKWARD_NAMES.entries()) {
      assert.deepEqual(followers[index]?.data, [name]);
      const { data } = await trial.read(name, { after: followers[index]?.cursor as string }, { node: 1 });
      assert.deepEqual(data, [name]);
    }
    await trial.node().delete('*');
    await until(() => followers[AWKWARD_NAMES.indexOf('*')]?.ends.length === 1);
    assert.equal(followers.filter(({ ends }) => ends.length > 0).length, 1);
    for (const name of AWKWARD_NAMES) {
      assert.equal((await trial.read(name, { start: true })).records.length, name === '*' ? 0 : 1, name);
    }
  });

  suite.check('keeps runs apart whatever their ids and owners consist of', async (trial) => {
    for (const [node, id] of AWKWARD_NAMES.entries()) {
      const { token } = await trial.claim(id, { owner: `${id}`, input: JSON.stringify(id), node });
      await trial.node(node).writeRun(id, token, JSON.stringify(id));
    }
    for (const id of AWKWARD_NAMES) {
      const { id: known, owner, input } = await trial.node(1).runInfo(id);
      assert.deepEqual([known, owner, input], [id, id, JSON.stringify(id)]);
      assert.deepEqual((await trial.read(runLog(id), { start: true })).data, [id]);
    }
  });

  suite.check('keeps members apart whatever their names consist of', async (trial) => {
    const follower = await trial.follow('room', { presence: true, node: 1 });
    for (const name of AWKWARD_NAMES) await trial.join('room', name, { meta: { name } });
    await until(() => follower.changes.length === AWKWARD_NAMES.length);
    const { members } = await trial.follow('room', { presence: true, node: 1 });
    assert.deepEqual(
      new Map(members.map(({ member, meta }) => [member, meta])),
      new Map(AWKWARD_NAMES.map((name) => [name, { name }])),
    );
  });

  suite.check('keeps ids and keys apart whatever they consist of', async (trial) => {
    const append = (name: string) => trial.append('news', name, { id: name, key: name });
    const given: string[] = [];
    for (const name of AWKWARD_NAMES) given.push(await append(name));
    assert.equal(new Set(given).size, AWKWARD_NAMES.length);
    for (const [index, name] of AWKWARD_NAMES.entries()) assert.equal(await append(name), given[index]);
    const { records } = await trial.read('news', { start: true }, { node: 1 });
    assert.deepEqual(
      records.map(({ key }) => key),
      AWKWARD_NAMES,
    );
  });

  suite.check('revokes exactly the subject that is given', async (trial) => {
    const followers = await trial.followEverywhere('news');
    for (const name of AWKWARD_NAMES) await trial.node().revoke('news', name);
    await trial.node().revoke('news', undefined);
    await trial.barrier('news', followers);
    for (const { revocations } of followers) assert.deepEqual(revocations, [...AWKWARD_NAMES, undefined]);
  });
}

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);

const BYTES: readonly Uint8Array[] = [
  new Uint8Array(0),
  EVERY_BYTE,
  // Not UTF-8.
  Uint8Array.of(0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80),
  // Looks like JSON, and like the frames of protocols.
  Buffer.from('{"a":1}'),
  Buffer.from('\r\n$5\r\n\0\0\0'),
  // A part of a larger buffer.
  EVERY_BYTE.subarray(100, 110),
  Buffer.alloc(300_000, 0x0a),
];

const JSON_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -0.5,
  1e300,
  '',
  '\u0000\u001f\u007f\u2028\u2029"\\\r\n',
  '😀é\ud800',
  [],
  {},
  { __proto__: null, constructor: { prototype: 1 }, '': [''], 'a b': [[[[{}]]]] },
  'x'.repeat(300_000),
  ['data: x\n\nevent: end\n\n', '</script>', '\ufeff'],
];

function payloads(suite: BackplaneSuite): void {
  suite.check('passes bytes on unchanged, as bytes', async (trial) => {
    const followers = await trial.followEverywhere('binary');
    for (const bytes of BYTES) await trial.append('binary', bytes);
    await trial.received(followers, BYTES.length);
    const { records: read } = await trial.read('binary', { start: true }, { node: 1 });
    for (const records of [...followers.map((follower) => follower.records), read]) {
      for (const [index, { payload, data }] of records.entries()) {
        assert.ok(payload instanceof Uint8Array && data instanceof Uint8Array);
        assert.ok(Buffer.from(BYTES[index] as Uint8Array).equals(payload), `bytes ${index}`);
      }
    }
  });

  suite.check('passes JSON text on unchanged', async (trial) => {
    const followers = await trial.followEverywhere('news');
    for (const value of JSON_VALUES) await trial.append('news', value);
    await trial.received(followers, JSON_VALUES.length);
    const { records: read } = await trial.read('news', { start: true }, { node: 1 });
    for (const records of [...followers.map((follower) => follower.records), read]) {
      assert.deepEqual(
        records.map(({ payload }) => payload),
        JSON_VALUES.map((value) => JSON.stringify(value)),
      );
    }
  });

  suite.check('passes bytes and text through runs unchanged', async (trial) => {
    const { token } = await trial.claim('run');
    const follower = await trial.follow(runLog('run'), { node: 1 });
    const written = [...BYTES, ...JSON_VALUES.map((value) => JSON.stringify(value))];
    for (const payload of written) await trial.node().writeRun('run', token, payload);
    await trial.received([follower], written.length);
    const { records } = await trial.node(1).read(runLog('run'), { start: true }, WHOLE);
    for (const seen of [records, follower.records]) {
      for (const [index, { payload }] of seen.entries()) {
        const expected = written[index] as string | Uint8Array;
        assert.equal(typeof payload, typeof expected);
        assert.ok(Buffer.from(payload).equals(Buffer.from(expected)), `payload ${index}`);
      }
    }
  });

  suite.check('keeps what it returns when the caller changes its list of records', async (trial) => {
    await trial.appendAll('news', numbers(3));
    const page = await trial.node().read(topicLog('news'), { start: true }, WHOLE);
    (page.records as unknown[]).length = 0;
    assert.deepEqual((await trial.read('news', { start: true })).data, numbers(3));
  });
}
