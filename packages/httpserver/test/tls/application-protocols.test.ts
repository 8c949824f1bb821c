import { type IOStream, TlsServerContext } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { HTTPServer } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/identity.ts';

const identity = makeIdentity();
const respond = () => {};
const withProtocols = (...alpnProtocols: string[]) => ({ ...identity, alpnProtocols });

describe('HTTPServer with application protocols', () => {
  it('accepts those that it speaks', () => {
    const tls = withProtocols('http/1.1', 'http/1.0');
    expect(() => new HTTPServer(respond, { tls })).not.toThrow();
    expect(() => new HTTPServer(respond, { tls: new TlsServerContext(tls) })).not.toThrow();
  });

  it('refuses others by name, since clients that offer them would get no response', () => {
    const tls = withProtocols('h2', 'http/1.1');
    for (const given of [tls, new TlsServerContext(tls)]) {
      expect(() => new HTTPServer(respond, { tls: given })).toThrow(
        expect.objectContaining({
          code: 'ERR_STREAM_USAGE',
          message: expect.stringMatching(
            /^HTTPServer: tls: alpnProtocols has "h2", .*: remove it, and put a proxy/,
          ),
        }),
      );
    }
  });

  it('refuses them in new options too, and keeps the old ones', () => {
    const server = new HTTPServer(respond, { tls: withProtocols('http/1.1') });
    expect(() => server.reloadTls(withProtocols('h2'))).toThrow(/^reloadTls: tls: alpnProtocols has "h2"/);
    expect(() => server.reloadTls(withProtocols('http/1.1'))).not.toThrow();
  });

  it('accepts all of them in a subclass that serves its streams itself', () => {
    class Several extends HTTPServer {
      override handleStream(stream: IOStream): void {
        if (stream.tls?.alpnProtocol === 'chat') stream.close();
        else super.handleStream(stream);
      }
    }
    const server = new Several(respond, { tls: withProtocols('chat', 'http/1.1') });
    expect(() => server.reloadTls(withProtocols('chat'))).not.toThrow();
  });

  it('leaves a value of the wrong type to the checks of TLS', () => {
    const tls = { ...identity, alpnProtocols: 'h2' } as never;
    expect(() => new HTTPServer(respond, { tls })).toThrow('alpnProtocols must be a list of strings');
  });
});
