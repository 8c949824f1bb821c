import { describe, expect, it } from 'vitest';
import { divideCiphers } from './cipher-list.ts';

describe('divideCiphers', () => {
  it.each([
    ['TLS_AES_128_GCM_SHA256:HIGH:!aNULL', 'HIGH:!aNULL', 'TLS_AES_128_GCM_SHA256'],
    ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', ''],
    ['TLS_AES_128_GCM_SHA256::TLS_AES_256_GCM_SHA384', '', 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384'],
    ['DEFAULT@SECLEVEL=0', 'DEFAULT@SECLEVEL=0', ''],
    ['', '', ''],
  ])('divides %j', (ciphers, list, suites) => {
    expect(divideCiphers(ciphers)).toEqual({ list, suites });
  });

  it("divides Node's list by default", () => {
    const { list, suites } = divideCiphers();
    expect(list).not.toMatch(/(^|:)TLS_/);
    expect(list).toContain('ECDHE-ECDSA-AES128-GCM-SHA256');
    expect(suites.split(':').every((name) => name.startsWith('TLS_'))).toBe(true);
  });
});
