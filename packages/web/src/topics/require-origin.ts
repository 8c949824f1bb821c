import { HTTPError } from '../errors.ts';
import type { TopicDoorHandler } from './door-handler.ts';

/**
 * Refuses requests from pages of other sites, as the opening handshake of a WebSocket does: with the cookies of their
 * visitor, they could publish in the visitor's name, or make the visitor present.
 *
 * @throws HTTPError 403.
 */
export function requireOrigin(handler: TopicDoorHandler): void {
  const { request } = handler;
  const origin = request.headers.get('Origin');
  if (origin !== undefined) {
    const isAllowed = handler.checkOrigin?.(origin) ?? request.isOwnOrigin(origin);
    if (isAllowed === true) return;
    const detail = 'Pages of this origin may not use topics here.';
    throw new HTTPError(403, `the origin ${origin} may not use topics; see checkOrigin`, { detail });
  }
  // An image, a form that sends no Origin, or a link.
  if (request.headers.get('Sec-Fetch-Site') !== 'cross-site') return;
  throw new HTTPError(403, 'a page of another site made the request', {
    detail: 'Pages of other sites may not use topics here.',
  });
}
