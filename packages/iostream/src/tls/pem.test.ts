import { describe, expect, it } from 'vitest';
import { pemBlocks } from './pem.ts';

const block = (label: string, base64: string): string =>
  `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;

describe('pemBlocks', () => {
  it('returns the blocks with a label, in order, from all texts', () => {
    const file = `words before\r\n${block('CERTIFICATE', 'AAAA')}${block('X509 CRL', 'BBBB')}`;
    const other = Buffer.from(block('CERTIFICATE', 'CCCC'));
    expect(pemBlocks([file, other], 'CERTIFICATE')).toEqual([
      { text: block('CERTIFICATE', 'AAAA').trim(), base64: '\nAAAA\n' },
      { text: block('CERTIFICATE', 'CCCC').trim(), base64: '\nCCCC\n' },
    ]);
    expect(pemBlocks(file, 'X509 CRL').map(({ base64 }) => base64)).toEqual(['\nBBBB\n']);
  });

  it('accepts a word before the label, as older programs write it', () => {
    for (const label of ['X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])
      expect(pemBlocks(block(label, 'AAAA'), 'CERTIFICATE')).toHaveLength(1);
  });

  it.each([
    ['no end', '-----BEGIN CERTIFICATE-----\nAAAA\n'],
    ['another label at its end', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n'],
    ['no label', '-----BEGIN -----\nAAAA\n-----END -----\n'],
    ['another label', block('CERTIFICATE REQUEST', 'AAAA')],
  ])('ignores a block with %s', (_, text) => {
    expect(pemBlocks(text, 'CERTIFICATE')).toEqual([]);
  });

  it('finds the next block after one that is cut off', () => {
    const cut = block('CERTIFICATE', 'AAAA').slice(0, 30);
    expect(pemBlocks(`${cut}\n${block('CERTIFICATE', 'CCCC')}`, 'CERTIFICATE')).toMatchObject([
      { base64: '\nCCCC\n' },
    ]);
  });
});
