import { RequestHandler, StaticFileHandler } from 'landspout';

/**
 * The page may load and call only what comes from here, and nobody may frame it: even if markup of a message came
 * alive by a mistake of the page, no script in it would run. 'self' covers the WebSocket of the same address.
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
  // Ask each time, so that a page never runs with the script of an older one; a 304 is the usual answer.
  'Cache-Control': 'no-cache',
};

/** The page of the room. */
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

/** What the page loads. */
export class AssetHandler extends StaticFileHandler {
  override setDefaultHeaders(): void {
    for (const [name, value] of Object.entries(HEADERS)) this.setHeader(name, value);
  }
}
