import { describe, it } from 'vitest';
import { streamCompliance } from '../../src/compliance/index.ts';
import { HAS_NATIVE_TLS, nativePair } from '../support/native-tls.ts';
import { pairOver, TLS_CAPABILITIES, turned } from '../support/transport-pairs.ts';

const framework = { describe, it };

streamCompliance('IOStream over TLS', framework, () => pairOver('TLS'), TLS_CAPABILITIES);

streamCompliance(
  'IOStream over TLS, the server writing',
  framework,
  async () => turned(await pairOver('TLS')),
  TLS_CAPABILITIES,
);

if (HAS_NATIVE_TLS) {
  const bare = { bareEnds: true };
  streamCompliance('IOStream over TlsTransport', framework, () => nativePair(), bare);
  streamCompliance(
    'IOStream over TlsTransport, the server writing',
    framework,
    async () => turned(await nativePair()),
    bare,
  );
}
