// The tag `html`: values are escaped for the place where they stand.

import { webChecks } from '../errors.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { abandon } from './abandon.ts';
import { printedChecked, printedEscaped, printedScript, printedWhole } from './attribute.ts';
import { ContentBuilder, type HtmlValue, printed } from './content.ts';
import { type Html, makeHtml } from './html-value.ts';
import { type Content, cancelContent } from './rendering.ts';
import {
  CHECKED,
  compileTemplate,
  ESCAPED,
  SCRIPT,
  type Segment,
  TEXT,
  type Template,
  WHOLE,
} from './template.ts';

/** The compiled templates, by the array of literals, which is the same for each call of one template. */
const templates = new WeakMap<readonly string[], Template>();
/** The last one: rows of a table all have the same. */
let lastStrings: readonly string[] | undefined;
let lastTemplate: Template;

/**
 * Makes HTML of a template. Values are escaped for the place where they stand.
 *
 * - Text, `<title>`, `<textarea>` and quoted attributes: text and numbers are escaped; null, undefined, true and false
 *   print nothing; the items of arrays and other iterables are printed without separators. HTML is printed as it is
 *   between tags, and escaped like text elsewhere.
 * - `name=${value}`: the quotation marks are added. True prints only the name; null, undefined and false remove the
 *   attribute.
 * - URLs, in `href`, `src`, `srcset`, `action`, `formaction`, `poster` and the like: allowed are http, https, mailto,
 *   tel, relative URLs and images in data URLs (not for scripts, and SVG only where it is shown as an image). Any other
 *   URL becomes `about:blank#blocked`, with one warning per place in the log of the loop. The scheme is all that is
 *   checked: what the URL of a script or a frame loads is up to the program.
 * - `srcdoc`: text is shown as text, HTML as HTML.
 * - `<script>`: a value must be made by `jsonScript`.
 *
 * A value at any other place, such as in `<style>`, a comment, an event handler or the name of a tag, is an error at the
 * first call, and so is a template that ends inside a tag.
 *
 * Promises and async iterables make the result asynchronous. They are awaited in order when it is rendered. A promise
 * that rejects does so there, and causes no unhandled rejection, also if another value is an error.
 *
 * @throws WebUsageError `ERR_WEB_TEMPLATE` if the template is invalid; `ERR_WEB_USAGE` if a value cannot be printed.
 *
 * @example
 * html`<ul>${users.map((user) => html`<li><a href="/user/${user.id}">${user.name}</a></li>`)}</ul>`
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  try {
    const template = strings === lastStrings ? lastTemplate : templateOf(strings);
    if (values.length !== template.valueCount) throw notATemplate(strings);
    return makeHtml(contentOfTemplate(template, values));
  } catch (error) {
    for (const value of values) abandon(value);
    throw error;
  }
}

/**
 * Makes HTML of text without escaping it, and without checking URLs. The only way to do so: never pass text that a user
 * can influence.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if `text` is not a string.
 */
export function unsafeHtml(text: string): Html {
  if (typeof text !== 'string') throw webChecks.wrong('unsafeHtml', 'a string', text);
  return makeHtml(text);
}

function contentOfTemplate({ first, segments }: Template, values: readonly unknown[]): Content {
  let text = first;
  let at = 0;
  for (let index = 0; index < segments.length; index += 1) {
    const segment = segments[index] as Segment;
    const value = values[at];
    if (segment.kind <= ESCAPED) {
      if (typeof value === 'string') {
        text += escapeHtml(value) + segment.after;
        at += 1;
        continue;
      }
      if (typeof value === 'number') {
        text += value + segment.after;
        at += 1;
        continue;
      }
    }
    const content = contentOfSegment(segment, values, at);
    if (typeof content !== 'string') return asyncContent(text, content, segments, index, values, at);
    text += content + segment.after;
    at += segment.count;
  }
  return text;
}

/** The content of a template from the first segment that is asynchronous. */
function asyncContent(
  text: string,
  first: Content,
  segments: readonly Segment[],
  index: number,
  values: readonly unknown[],
  at: number,
): Content {
  const builder = new ContentBuilder();
  builder.add(text);
  builder.add(first);
  try {
    let next = at;
    for (let rest = index; rest < segments.length; rest += 1) {
      const segment = segments[rest] as Segment;
      if (rest > index) builder.add(contentOfSegment(segment, values, next));
      builder.add(segment.after);
      next += segment.count;
    }
  } catch (error) {
    cancelContent(builder.content);
    throw error;
  }
  return builder.content;
}

/** @param at - the index of the first value of the segment. */
function contentOfSegment(segment: Segment, values: readonly unknown[], at: number): Content {
  const value = values[at];
  switch (segment.kind) {
    case TEXT:
      if (typeof value === 'string') return escapeHtml(value);
      return printed(value, segment.printing);
    case ESCAPED:
      if (typeof value === 'string') return escapeHtml(value);
      return printedEscaped(value, segment);
    case WHOLE:
      return printedWhole(value, segment);
    case CHECKED:
      return printedChecked(values, at, segment);
    case SCRIPT:
      return printedScript(value, segment);
  }
}

function templateOf(strings: TemplateStringsArray): Template {
  let template = templates.get(strings);
  if (template === undefined) {
    if (!Array.isArray(strings) || !Array.isArray(strings.raw)) throw notATemplate(strings);
    template = compileTemplate(strings);
    templates.set(strings, template);
  }
  lastStrings = strings;
  lastTemplate = template;
  return template;
}

function notATemplate(strings: unknown): Error {
  return webChecks.wrong('html', 'a call as the tag of a template, html`…`,', strings);
}
