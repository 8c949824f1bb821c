import { missingPeer } from '../missing-peer.ts';

// Exported declarations of this room must not name a type of openid-client, so that they can be read without it.

/** The optional peer: the protocols of OAuth 2.0 and OpenID Connect, over a `fetch` that it is given. */
export const openid = await import('openid-client').catch((cause: unknown) => {
  throw missingPeer('openid-client', cause);
});
