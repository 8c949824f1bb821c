import { type Printing, printed } from '../html/content.ts';
import { cancelContent } from '../html/rendering.ts';
import { escapeHtml } from '../text/escape-html.ts';

const ESCAPED: Printing = { isEscaped: true, where: () => '<%=' };
const RAW: Printing = { isEscaped: false, where: () => '<%~' };

/**
 * Converts a value to HTML by the rules of `html`.
 *
 * @throws TypeError if it is asynchronous; WebUsageError `ERR_WEB_USAGE` if it cannot be printed.
 */
export function escapedText(value: unknown): string {
  if (typeof value === 'string') return escapeHtml(value);
  return typeof value === 'number' ? String(value) : otherText(value, ESCAPED);
}

/** Like {@link escapedText}, but without escaping. */
export function rawText(value: unknown): string {
  return typeof value === 'string' ? value : otherText(value, RAW);
}

function otherText(value: unknown, printing: Printing): string {
  const content = printed(value, printing);
  if (typeof content === 'string') return content;
  cancelContent(content);
  const remedy = 'write <%= await value %>, or for Html <%~ await value.toPromise() %>';
  throw new TypeError(`${printing.where()}: the value is asynchronous: ${remedy}`);
}
