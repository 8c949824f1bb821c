// What values print in attributes and scripts.

import { IOLoop } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { WebUsageError } from '../errors.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { JsonScript } from '../text/json-script.ts';
import { AwaitedValue, JoinedText, printed } from './content.ts';
import { type Content, cancelContent } from './rendering.ts';
import type { AttributeRule, Segment } from './template.ts';
import { BLOCKED_URL } from './url-check.ts';

/** Prints a value as escaped text, in a quoted attribute or an element without tags. */
export function printedEscaped(value: unknown, { printing }: Segment): Content {
  const content = printed(value, printing);
  return typeof content === 'string' ? escapeHtml(content) : [new JoinedText([content], joinEscaped)];
}

/** Prints an attribute that is one value. */
export function printedWhole(value: unknown, segment: Segment, level = 0): Content {
  const { opening } = segment;
  if (typeof value === 'string' && !segment.printing.isEscaped)
    return `${opening + checkedText(value, segment)}"`;
  if (value === null || value === undefined || value === false) return '';
  if (value === true) return opening.slice(0, -2);
  if (isThenable(value))
    return [new AwaitedValue(value, (result) => printedWhole(result, segment, level + 1))];
  const content = printed(value, segment.printing, level);
  const convert = (text: string): string => `${opening + checkedText(text, segment)}"`;
  return typeof content === 'string'
    ? convert(content)
    : [new JoinedText([content], ([text = '']) => convert(text))];
}

/** Prints the value of a quoted attribute that is checked as a whole. */
export function printedChecked(values: readonly unknown[], at: number, segment: Segment): Content {
  const rule = segment.rule as AttributeRule;
  const { count, printing } = segment;
  const contents: Content[] = [];
  let isAsync = false;
  try {
    for (let index = 0; index < count; index += 1) {
      const content = printed(values[at + index], printing);
      if (typeof content !== 'string') isAsync = true;
      contents.push(content);
    }
  } catch (error) {
    for (const content of contents) cancelContent(content);
    throw error;
  }
  const convert = (texts: readonly string[]): string => {
    const [first = '', ...rest] = rule.literals;
    const whole = rest.reduce((text, literal, index) => text + (texts[index] ?? '') + literal, first);
    return checkedText(whole, segment);
  };
  return isAsync ? [new JoinedText(contents, convert)] : convert(contents as string[]);
}

/**
 * Prints data in a script.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if the value was not made by `jsonScript`.
 */
export function printedScript(value: unknown, { printing }: Segment): Content {
  if (JsonScript.isJsonScript(value)) return String(value);
  throw new WebUsageError(
    'ERR_WEB_USAGE',
    `${printing.where()}: a value in a <script> must be made by jsonScript(value), got ${shownValue(value)}`,
  );
}

function joinEscaped(texts: readonly string[]): string {
  return escapeHtml(texts.join(''));
}

/** Escapes the value of an attribute, or replaces it if it has a URL that is not allowed. */
function checkedText(value: string, segment: Segment): string {
  const rule = segment.rule as AttributeRule;
  if (rule.check === undefined || rule.check(value)) return escapeHtml(value);
  warn(value, rule, segment);
  return BLOCKED_URL;
}

/** The scheme of a URL. The rest may hold credentials, and is not logged. */
const SCHEME = /^[\s\0-\x20]*([a-z][a-z0-9+.-]{0,30}):/i;

function warn(value: string, rule: AttributeRule, { printing }: Segment): void {
  if (rule.hasWarned) return;
  rule.hasWarned = true;
  const scheme = SCHEME.exec(value)?.[1];
  IOLoop.current().logger.warn(
    { place: printing.where(), tag: rule.tag, attribute: rule.name, scheme },
    'a URL in a template was replaced by about:blank#blocked, because its scheme is not allowed there; further ' +
      'URLs at this place are not logged',
  );
}
