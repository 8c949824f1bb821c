import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll } from 'vitest';
import type { TlsVersion } from '../../../src/index.ts';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { type EchoEnd, SIDES } from './echo-ends.ts';

type Side = keyof typeof SIDES;

export const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
export const SIDE_NAMES = Object.keys(SIDES) as readonly Side[];
/** Each side with each version. */
export const SIDE_CASES = VERSIONS.flatMap((version) => SIDE_NAMES.map((side) => [side, version] as const));

export const isNative = (): boolean => IOLoop.current().tls === 'native';

/** Makes a certificate for the tests of the calling file. @returns opens an end that uses it. */
export function setUpEchoEnds(): (side: Side, version: TlsVersion) => Promise<EchoEnd> {
  let own: Certificates;
  beforeAll(() => {
    own = makeCertificates();
  });
  afterAll(() => own.remove());
  return (side, version) => SIDES[side](own, version);
}
