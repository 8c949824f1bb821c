import { formDecode, percentDecode, QueryProtocolError } from '@landspout/http1/protocol';
import type { OptionNames } from '@landspout/ioloop/errors';
import { HTTPError, webChecks } from '../errors.ts';

export interface UrlEscapeOptions {
  /**
   * Whether a space is written as `+` and a slash as `%2F`, as in a query or form. With false, a space is `%20`, a slash
   * stays a slash and a plus sign is only a plus sign, as in a path. Default: true.
   */
  readonly plus?: boolean;
}

const OPTIONS: OptionNames<UrlEscapeOptions> = { plus: true };

/**
 * Escapes text for a URL: all characters except letters and digits of ASCII, `-`, `.`, `_` and `~` become the `%XX` of
 * their UTF-8 bytes (RFC 3986 §2.3). Unlike `encodeURIComponent`, it also escapes `!'()*`, and it writes a lone surrogate
 * as U+FFFD where that throws. The result needs no further escaping inside a quoted attribute.
 *
 * For a whole query use `URLSearchParams`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if the text is not a string, or an option is invalid.
 *
 * @example
 * `/search?q=${urlEscape('fish & chips')}`; // /search?q=fish+%26+chips
 */
export function urlEscape(text: string, options: UrlEscapeOptions = {}): string {
  const plus = plusOf('urlEscape', text, options);
  const escaped = encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8')).replace(
    /[!'()*]/g,
    percentForm,
  );
  return plus ? escaped.replaceAll('%20', '+') : escaped.replaceAll('%2F', '/');
}

/**
 * Decodes the `%XX` escapes of a URL as UTF-8, and with `plus` also `+` as a space. Characters that are not ASCII are
 * kept. It is strict, unlike Tornado and `URLSearchParams`: nothing is guessed.
 *
 * Arguments of a request are already decoded; see `RequestHandler.getArgument`.
 *
 * @throws HTTPError 400 if a percent sign is not followed by two hex digits, or the bytes are not UTF-8; its `cause` is
 *   the `QueryProtocolError` `ERR_HTTP1_QUERY_ENCODING`.
 * @throws WebUsageError `ERR_WEB_USAGE` if the text is not a string, or an option is invalid.
 */
export function urlUnescape(text: string, options: UrlEscapeOptions = {}): string {
  const plus = plusOf('urlUnescape', text, options);
  // The decoders expect one code unit for each byte.
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  try {
    return plus ? formDecode(bytes) : percentDecode(bytes);
  } catch (error) {
    if (!(error instanceof QueryProtocolError)) throw error;
    throw new HTTPError(error.status, error.message, { cause: error });
  }
}

function plusOf(operation: string, text: string, options: UrlEscapeOptions): boolean {
  if (typeof text !== 'string') throw webChecks.wrong(operation, 'text: a string', text);
  webChecks.options(operation, options, OPTIONS);
  return webChecks.boolean(operation, 'plus', options.plus ?? true);
}

function percentForm(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}
