import { Application } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { WebSocketHandler } from '../../src/index.ts';
import { RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Partners extends WebSocketHandler {
  static override readonly allowedOrigins: readonly string[] = [
    'https://app.partner.com',
    'https://*.example.org',
  ];
  override onMessage(): void {}
}

/** The status of an upgrade that a page of this origin asks for. */
async function statusFor(port: number, path: string, origin: string | undefined): Promise<number> {
  const client = await RawClient.ask(port, upgradeText(path, { Origin: origin }));
  client.socket.destroy();
  return client.status;
}

describe('WebSocketHandler.allowedOrigins', () => {
  it('adds to the origins of the site, exactly or with all subdomains [WS-02] [ATT-55]', () =>
    withApp([['/', Partners]], async ({ port }) => {
      const statuses = async (...origins: (string | undefined)[]) =>
        Promise.all(origins.map((origin) => statusFor(port, '/', origin)));
      expect(
        await statuses('https://app.partner.com', 'https://a.b.example.org', 'http://example.com', undefined),
      ).toEqual([101, 101, 101, 101]);
      expect(
        await statuses(
          'http://app.partner.com',
          'https://partner.com',
          'https://app.partner.com.evil.com',
          'https://example.org',
          'https://evil-example.org',
          'null',
        ),
      ).toEqual(Array(6).fill(403));
    }));

  it('is inherited, may be replaced, and allows every page with * [WS-02]', () => {
    class Inherits extends Partners {}
    class Everyone extends Partners {
      static override readonly allowedOrigins = ['*'];
    }
    class Own extends Partners {
      static override readonly allowedOrigins = [];
    }
    return withApp(
      [
        ['/inherits', Inherits],
        ['/everyone', Everyone],
        ['/own', Own],
      ],
      async ({ port }) => {
        expect(await statusFor(port, '/inherits', 'https://app.partner.com')).toBe(101);
        expect(await statusFor(port, '/everyone', 'https://evil.example')).toBe(101);
        expect(await statusFor(port, '/everyone', 'null')).toBe(101);
        expect(await statusFor(port, '/own', 'https://app.partner.com')).toBe(403);
      },
    );
  });

  it('does not count if checkOrigin is overridden, unless super is asked [WS-02]', () => {
    class Nobody extends Partners {
      override checkOrigin(): boolean {
        return false;
      }
    }
    class OnlyPartners extends Partners {
      override checkOrigin(origin: string): boolean {
        return origin.startsWith('https:') && super.checkOrigin(origin);
      }
    }
    return withApp(
      [
        ['/nobody', Nobody],
        ['/partners', OnlyPartners],
      ],
      async ({ port }) => {
        expect(await statusFor(port, '/nobody', 'https://app.partner.com')).toBe(403);
        expect(await statusFor(port, '/partners', 'https://app.partner.com')).toBe(101);
        expect(await statusFor(port, '/partners', 'http://example.com')).toBe(403);
      },
    );
  });

  it('is checked, as are subprotocols, when the application is created [WS-02] [WS-04] [RT-01]', () => {
    const made = (statics: object) => () => {
      class Made extends Partners {}
      Object.assign(Made, statics);
      return new Application([['/', Made]]);
    };
    expect(made({ allowedOrigins: ['example.com'] })).toThrow(
      expect.objectContaining({
        code: 'ERR_WEB_ROUTE',
        message: expect.stringMatching(
          /^route "\/": allowedOrigins: each element must be .*, got "example.com"/,
        ),
      }),
    );
    expect(made({ allowedOrigins: '*' })).toThrow(
      'allowedOrigins must be an array of origins, got "*" (a string)',
    );
    expect(made({ subprotocols: 'chat' })).toThrow(
      'subprotocols must be an array of names, got "chat" (a string)',
    );
    expect(made({ subprotocols: ['a b'] })).toThrow(
      'each name must be a token such as \'chat.v2\', got "a b"',
    );
    expect(made({ subprotocols: ['a', undefined] })).toThrow('got undefined');
    expect(made({ subprotocols: ['a', 'b', 'a'] })).toThrow(
      'each name must occur once, but "a" (a string) is repeated',
    );
    const many = Array.from({ length: 65 }, (_, at) => `p${at}`);
    expect(made({ subprotocols: many })).toThrow('subprotocols must have at most 64 names, got 65');
    expect(made({ subprotocols: many.slice(1), allowedOrigins: [] })).not.toThrow();
  });
});

describe('WebSocketHandler.subprotocols', () => {
  class Chat extends WebSocketHandler {
    static override readonly subprotocols = ['chat.v2', 'chat.v1'];
    override onOpen(): void {
      void this.writeMessage(this.selectedSubprotocol ?? 'none');
    }
    override onMessage(): void {}
  }

  it.each([
    ['chat.v1, chat.v2', 'chat.v2'],
    ['soap, chat.v1', 'chat.v1'],
    ['Chat.v2', undefined],
    [undefined, undefined],
  ])('chooses of %j the first that the server prefers: %j [WS-04]', (offered, chosen) =>
    withApp([['/', Chat]], async ({ port }) => {
      const client = await RawClient.ask(port, upgradeText('/', { 'Sec-WebSocket-Protocol': offered }));
      expect([client.status, client.field('Sec-WebSocket-Protocol')]).toEqual([101, chosen]);
      expect(await client.frame()).toBe(`text ${chosen ?? 'none'}`);
      client.socket.destroy();
    }),
  );
});
