// Fills values into the placeholders of messages, as text or as HTML.

import { shownText, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import { abandon } from '../html/abandon.ts';
import { ContentBuilder, type HtmlValue, type Printing, printed } from '../html/content.ts';
import { type Html, makeHtml } from '../html/html-value.ts';
import { cancelContent } from '../html/rendering.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { type MessagePart, PERCENT, type Placeholder, partsOf } from './catalogues/placeholders.ts';

/** The values of the placeholders of a message, by name. */
export type TextValues = Readonly<Record<string, string | number | bigint>>;

/** Values for a message that becomes HTML: text is escaped, HTML is not. */
export type HtmlValues = Readonly<Record<string, HtmlValue>>;

/** A translated message, before its values are filled in. */
export interface Message {
  readonly text: string;
  /** The code of its locale, for errors. */
  readonly code: string;
  /** Undefined if the call has none: then `%%` is not replaced either. */
  readonly values: Readonly<Record<string, unknown>> | undefined;
  /** The value of `%(count)s`, unless {@link values} has it; undefined if the message has no plural. */
  readonly count: number | undefined;
}

/** @throws WebUsageError `ERR_WEB_TRANSLATION` if a value is missing or is not text or a number. */
export function filledText(message: Message): string {
  if (!message.text.includes('%')) return message.text;
  let text = '';
  for (const part of partsOf(message.text)) text += typeof part === 'string' ? part : textOf(part, message);
  return text;
}

/**
 * Escapes the message, and prints values as `html` does between tags.
 *
 * @throws WebUsageError `ERR_WEB_TRANSLATION` if a value is missing; `ERR_WEB_USAGE` if it cannot be printed.
 */
export function filledHtml(message: Message): Html {
  const builder = new ContentBuilder();
  try {
    for (const part of partsOf(message.text)) {
      if (typeof part !== 'object' || part.conversion !== 's')
        builder.add(escapeHtml(partText(part, message)));
      else builder.add(printed(valueFor(part, message), new MessagePlace(message, part)));
    }
  } catch (error) {
    cancelContent(builder.content);
    for (const value of Object.values(message.values ?? {})) abandon(value);
    throw error;
  }
  return makeHtml(builder.content);
}

function partText(part: MessagePart, message: Message): string {
  return typeof part === 'string' ? part : textOf(part, message);
}

function textOf(part: Placeholder | typeof PERCENT, message: Message): string {
  if (part === PERCENT) return isFilled(message) ? '%' : '%%';
  // As in a text that is not meant for values, such as `50 %(estimated)`.
  if (part.conversion === '' && !isFilled(message)) return part.source;
  const value = valueFor(part, message);
  if (part.conversion === 's') {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
      return String(value);
    const remedy = 'for HTML, call translateHtml, or _ in a template';
    throw wrong(
      message,
      `the value of ${part.source} must be text or a number, got ${shownValue(value)}; ${remedy}`,
    );
  }
  if (typeof value === 'bigint')
    return part.conversion === 'f' ? Number(value).toFixed(part.decimals) : String(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    const remedy = `for a number that is already formatted, the message needs %(${part.name})s`;
    throw wrong(message, `the value of ${part.source} must be a number, got ${shownValue(value)}; ${remedy}`);
  }
  return part.conversion === 'f' ? value.toFixed(part.decimals) : String(BigInt(Math.trunc(value)));
}

function valueFor({ name, conversion, source }: Placeholder, message: Message): unknown {
  if (conversion === '') {
    const problem = `${shownText(source)} must be followed by s, d or .2f, or its percent sign be doubled`;
    throw wrong(message, problem);
  }
  const { values, count } = message;
  const value = values !== undefined && Object.hasOwn(values, name) ? values[name] : undefined;
  if (value !== undefined && value !== null) return value;
  if (name === 'count' && count !== undefined) return count;
  throw wrong(message, `there is no value for ${shownText(source)}`);
}

function isFilled({ values, count }: Message): boolean {
  return values !== undefined || count !== undefined;
}

/** Describes a value for errors of HTML. */
class MessagePlace implements Printing {
  readonly isEscaped = true;
  readonly #message: Message;
  readonly #part: Placeholder;

  constructor(message: Message, part: Placeholder) {
    this.#message = message;
    this.#part = part;
  }

  where(): string {
    return `${shownText(this.#message.text)}, the value of ${this.#part.source}`;
  }
}

function wrong({ text, code }: Message, problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_TRANSLATION', `${shownText(text, 120)} (${code}): ${problem}`);
}
