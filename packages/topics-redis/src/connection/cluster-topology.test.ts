import { describe, expect, it } from 'vitest';
import { ClusterTopology, redirectionIn } from './cluster-topology.ts';

const ASKED = '192.0.2.7:7000';

describe('ClusterTopology', () => {
  it.each([
    ['its address', Buffer.from('192.0.2.8'), '192.0.2.8:7001'],
    ['nothing', Buffer.from(''), '192.0.2.7:7001'],
    ['null', null, '192.0.2.7:7001'],
    ['a name that is not set', Buffer.from('?'), '192.0.2.7:7001'],
  ])('takes the host of the node that was asked if a node names %s', (_, host, address) => {
    const topology = ClusterTopology.from([[0, 16383, [host, 7001, Buffer.from('id'), []]]], ASKED);
    expect([topology.addressOf(0), topology.addressOf(16383)]).toEqual([address, address]);
  });
});

describe('redirectionIn', () => {
  it.each([
    ['MOVED 3999 192.0.2.8:7001', 'moved', '192.0.2.8:7001'],
    ['ASK 3999 :7001', 'ask', '192.0.2.7:7001'],
    ['MOVED 3999 ?:7001', 'moved', '192.0.2.7:7001'],
  ])('reads %s', (text, kind, address) => {
    expect(redirectionIn(text, ASKED)).toEqual({ kind, slot: 3999, address });
  });

  it('knows no redirection in another text', () => {
    expect(redirectionIn('ERR MOVED', ASKED)).toBeUndefined();
  });
});
