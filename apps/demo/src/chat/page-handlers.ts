import { RequestHandler, StaticFileHandler } from 'landspout';

/**
 * The page may load from and connect to this server only, and no site may frame it: even if a bug turned the text of a
 * message into markup, no script in it would run. 'self' includes the WebSocket of the same host.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // Revalidate each time, so that a page never runs with an outdated script; the usual response is a 304.
  'Cache-Control': 'no-cache',
};

/** Serves the page of the room. */
export class PageHandler extends RequestHandler {
  #html = '';

  override initialize(init: { readonly html: string }): void {
    this.#html = init.html;
  }

  override setDefaultHeaders(): void {
    for (const [name, value] of Object.entries(HEADERS)) this.setHeader(name, value);
  }

  override get(): void {
    this.write(this.#html);
  }
}

/** Serves the scripts, styles and images of the page. */
export class AssetHandler extends StaticFileHandler {
  override setDefaultHeaders(): void {
    for (const [name, value] of Object.entries(HEADERS)) this.setHeader(name, value);
  }
}
