import assert from 'node:assert/strict';
import type { CompliancePair } from './capabilities.ts';
import type { TransportSuite } from './transport-suite.ts';

/** Cases of announced and bare ends. */
export function transportBareEnds({ check, checkHalfClose, capabilities }: TransportSuite): void {
  check('[STR-12] does not report an end after endWrite as bare', async (a, b) => {
    b.act((transport) => transport.resume());
    a.act((transport) => transport.write('all'));
    a.act((transport) => transport.endWrite());
    await b.until(({ endings }) => endings > 0);
    assert.deepEqual([b.received.toString(), b.isEndBare], ['all', false]);
  });

  if (!capabilities.bareEnds) return;

  check(
    '[STR-12] reports an end without announcement as bare, after the bytes before it',
    async (a, b, pair) => {
      b.act((transport) => transport.resume());
      a.act((transport) => transport.write('some of it'));
      await a.until(({ sentBytes }) => sentBytes === 10);
      endBare(pair);
      await b.until(({ endings }) => endings > 0);
      assert.deepEqual([b.received.toString(), b.isEndBare, b.closings], ['some of it', true, 0]);
    },
  );

  checkHalfClose(
    '[STR-12] still writes after a bare end, and closes when both have ended',
    async (a, b, pair) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      endBare(pair);
      await b.until(({ endings }) => endings > 0);
      b.act((transport) => transport.write('answer'));
      b.act((transport) => transport.endWrite());
      await b.until(({ closings }) => closings > 0);
      await a.until(({ endings }) => endings > 0);
      assert.deepEqual(
        [b.isEndBare, b.error, a.received.toString(), a.isEndBare],
        [true, undefined, 'answer', false],
      );
    },
  );

  check('[STR-09] reports a bare end only after resume', async (a, b, pair) => {
    b.onReceived = () => b.act((transport) => transport.pause());
    b.act((transport) => transport.resume());
    a.act((transport) => transport.write('some of it'));
    await b.until(({ receivedBytes }) => receivedBytes === 10);
    endBare(pair);
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([b.endings, b.closings], [0, 0]);
    b.act((transport) => transport.resume());
    await b.until(({ endings }) => endings > 0);
    assert.equal(b.isEndBare, true);
  });
}

function endBare(pair: CompliancePair): void {
  assert.ok(pair.endBare !== undefined, 'the capability `bareEnds` needs `endBare` of the pair');
  pair.endBare();
}
