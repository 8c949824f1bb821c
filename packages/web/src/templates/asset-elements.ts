// The elements that load or embed the CSS and JavaScript of UI modules. `RequestHandler` has methods that call these.

import { shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import { unsafeHtml } from '../html/html.ts';
import type { Html } from '../html/html-value.ts';
import { escapeHtml } from '../text/escape-html.ts';

export interface AssetElementOptions {
  /** The nonce of the response's `Content-Security-Policy`. Default: none. */
  readonly nonce?: string | undefined;
}

/** Makes a `<script src>` for each URL. */
export function linkedJavascript(urls: readonly string[], { nonce }: AssetElementOptions = {}): Html {
  const attribute = nonceAttribute(nonce);
  return unsafeHtml(urls.map((url) => `<script src="${escapeHtml(url)}"${attribute}></script>\n`).join(''));
}

/** Makes a `<link>` for each URL of a style sheet. */
export function linkedCss(urls: readonly string[], { nonce }: AssetElementOptions = {}): Html {
  const attribute = nonceAttribute(nonce);
  return unsafeHtml(
    urls.map((url) => `<link rel="stylesheet" href="${escapeHtml(url)}"${attribute}>\n`).join(''),
  );
}

/**
 * Makes a `<script>` for each text, so that an error in one does not stop the others.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if a text contains `</script`, which would end the element, or `<!--`, after
 *   which an end tag may not end it.
 */
export function embeddedJavascript(texts: readonly string[], { nonce }: AssetElementOptions = {}): Html {
  const attribute = nonceAttribute(nonce);
  return unsafeHtml(
    texts
      .map((text) => {
        requireNot(
          text,
          /<\/script|<!--/i,
          'embeddedJavascript',
          'with a backslash after the "<", or with jsonScript',
        );
        return `<script${attribute}>\n${text}\n</script>\n`;
      })
      .join(''),
  );
}

/**
 * Makes a `<style>` for each text.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if a text contains `</style`, which would end the element.
 */
export function embeddedCss(texts: readonly string[], { nonce }: AssetElementOptions = {}): Html {
  const attribute = nonceAttribute(nonce);
  return unsafeHtml(
    texts
      .map((text) => {
        requireNot(text, /<\/style/i, 'embeddedCss', 'as \\3c /style');
        return `<style${attribute}>\n${text}\n</style>\n`;
      })
      .join(''),
  );
}

function requireNot(text: string, forbidden: RegExp, what: string, remedy: string): void {
  const [found] = forbidden.exec(text) ?? [];
  if (found === undefined) return;
  throw new WebUsageError('ERR_WEB_USAGE', `${what} must not contain "${found}": write it ${remedy}`);
}

/** Content Security Policy Level 3 §2.3.1: `base64-value`. */
function nonceAttribute(nonce: unknown): string {
  if (nonce === undefined) return '';
  if (typeof nonce === 'string' && /^[\w+/-]+={0,2}$/.test(nonce)) return ` nonce="${nonce}"`;
  throw new WebUsageError('ERR_WEB_USAGE', `cspNonce must be base64, got ${shownValue(nonce)}`);
}
