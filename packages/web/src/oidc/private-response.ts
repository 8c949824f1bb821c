import type { AnyHandler } from '../handler/lifecycle.ts';

/**
 * Keeps the response out of caches, and the URL of the request, which may have a code, out of the `Referer` of what the
 * page loads. Also if the response becomes an error page.
 */
export function keepPrivate(handler: AnyHandler): void {
  handler.response.beforeHeaders((response) => {
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Referrer-Policy', 'no-referrer');
  });
}
