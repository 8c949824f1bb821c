import { relative } from 'node:path';
import type { ReportedError, ReportedFrame } from '../debug-page/error-report.ts';
import type { SourceExcerpt } from '../debug-page/source-excerpt.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { maskedTarget, shownFields } from './debug-page-request.ts';
import { type ErrorFacts, PAGE_HEAD, titleOf } from './error-page.ts';

// The HTML of the error page for developers.

/** A second line of defence: even markup that was not escaped could load and run nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Readable on a phone and in both colour schemes; only code scrolls sideways. */
const STYLE =
  ':root{color-scheme:light dark;--line:#8884;--mark:#f6c34355;--soft:#666;--bad:#b3261e}' +
  '@media(prefers-color-scheme:dark){:root{--soft:#aaa;--bad:#ff8a80}}' +
  'body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;overflow-wrap:anywhere}' +
  'h1,h2{line-height:1.25;margin:1.5rem 0 .5rem}h1{font-size:1.6rem;color:var(--bad)}h2{font-size:1.2rem}' +
  'pre,code,th,td,summary,figcaption{font-family:ui-monospace,monospace;font-size:.875rem}' +
  'pre{white-space:pre-wrap;margin:.5rem 0}.note,.line{color:var(--soft)}' +
  'figure{margin:.5rem 0;border:1px solid var(--line);border-radius:.4rem}' +
  'figcaption{padding:.4rem .6rem;border-bottom:1px solid var(--line)}' +
  'figure pre{white-space:pre;overflow-x:auto;margin:0;padding:.4rem 0}' +
  'figure pre>span{display:block;padding:0 .6rem;min-width:max-content}' +
  '.at{background:var(--mark)}mark{background:var(--bad);color:Canvas}' +
  '.line{display:inline-block;min-width:3.5em;padding-right:1em;text-align:right;user-select:none}' +
  'details,ol{margin:.25rem 0}ol{padding-left:1.5rem}summary{cursor:pointer;padding:.3rem 0}' +
  'table{border-collapse:collapse;width:100%}' +
  'th,td{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;font-weight:400}' +
  'th{color:var(--soft);width:30%}';

/** Returns the page. @param errors - the error, then its causes. */
export function debugHtml(
  request: HTTPServerRequest,
  facts: ErrorFacts,
  errors: readonly ReportedError[],
): string {
  const heading = `${facts.status}: ${titleOf(facts)}`;
  const head = `${PAGE_HEAD}<meta http-equiv="Content-Security-Policy" content="${POLICY}"><style>${STYLE}</style>`;
  return (
    `${head}<title>${shown(heading)}</title></head><body><main><p class="note">${shown(heading)}</p>` +
    `${errors.map(errorHtml).join('')}${requestHtml(request)}` +
    '<p class="note">This page is for development. The settings <code>debug</code> and <code>serveTraceback</code> ' +
    'turn it on; they must be off in production.</p></main></body></html>\n'
  );
}

function errorHtml(error: ReportedError, index: number): string {
  const { relation, name, code, message, frames } = error;
  const title = `${relation === '' ? '' : `${relation}: `}${name}${code === undefined ? '' : ` [${code}]`}`;
  const tag = index === 0 ? 'h1' : 'h2';
  const own = error.excerpt === undefined ? '' : excerptHtml(error.excerpt);
  // The first place of the program is open; that of a template comes before it.
  const open = own === '' ? frames.find(({ excerpt }) => excerpt !== undefined) : undefined;
  return (
    `<section><${tag}>${shown(title)}</${tag}>${message === '' ? '' : `<pre>${shown(message)}</pre>`}` +
    `${own}${framesHtml(frames, open)}</section>`
  );
}

/** The frames in order. Those of other code are folded, as many as follow one another. */
function framesHtml(frames: readonly ReportedFrame[], open: ReportedFrame | undefined): string {
  let html = '';
  let folded: ReportedFrame[] = [];
  const unfold = (): void => {
    if (folded.length > 0) html += foldedHtml(folded);
    folded = [];
  };
  for (const frame of frames) {
    if (frame.owner !== 'program') {
      folded.push(frame);
      continue;
    }
    unfold();
    html += programFrameHtml(frame, frame === open);
  }
  unfold();
  return html;
}

function programFrameHtml(frame: ReportedFrame, isOpen: boolean): string {
  const title = `at ${frameText(frame)}`;
  if (frame.excerpt === undefined) return `<p><code>${shown(title)}</code></p>`;
  const attribute = isOpen ? ' open' : '';
  return `<details${attribute}><summary>${shown(title)}</summary>${excerptHtml(frame.excerpt)}</details>`;
}

function foldedHtml(frames: readonly ReportedFrame[]): string {
  const items = frames.map((frame) => `<li><code>${shown(frameText(frame))}</code></li>`).join('');
  const count = frames.length === 1 ? '1 frame' : `${frames.length} frames`;
  return `<details><summary class="note">${count} of dependencies and Node.js</summary><ol>${items}</ol></details>`;
}

function frameText({ functionName, file, line, column }: ReportedFrame): string {
  const place = line === 0 ? file : `${shownPath(file)}:${line}:${column}`;
  return functionName === '' ? place : `${functionName} (${place})`;
}

function excerptHtml({ file, line, column, lines, isNewer }: SourceExcerpt): string {
  const note = isNewer ? ' <span class="note">(changed after the program started)</span>' : '';
  const place = `${shownPath(file)}:${line}${column === 0 ? '' : `:${column}`}`;
  const rows = lines.map(({ number, text }) => {
    const isAt = number === line;
    const code = isAt && column > 0 ? markedHtml(text, column) : shown(text);
    return `<span${isAt ? ' class="at"' : ''}><span class="line">${number}</span>${code}\n</span>`;
  });
  return `<figure><figcaption>${shown(place)}${note}</figcaption><pre tabindex="0">${rows.join('')}</pre></figure>`;
}

/** Marks the word at the column, or the one character. */
function markedHtml(text: string, column: number): string {
  const start = column - 1;
  const rest = text.slice(start);
  const word = /^(?:[\p{L}\p{N}_$]{1,100}|[\s\S])/u.exec(rest)?.[0] ?? '';
  return `${shown(text.slice(0, start))}<mark>${shown(word)}</mark>${shown(rest.slice(word.length))}`;
}

function requestHtml(request: HTTPServerRequest): string {
  const rows = shownFields(request).map(
    ([name, value]) => `<tr><th scope="row">${shown(name)}</th><td>${shown(value)}</td></tr>`,
  );
  return (
    `<section><h2>Request</h2><pre>${shown(`${request.method} ${maskedTarget(request)} ${request.version}`)}</pre>` +
    `<table>${rows.join('')}</table></section>`
  );
}

/** The path of a file: relative to the working directory if it is inside. */
function shownPath(file: string): string {
  const path = relative(process.cwd(), file);
  return file.startsWith('/') && path !== '' && !path.startsWith('..') ? path : file;
}

/**
 * Escapes text. Characters that are invisible or change the order of others are written as escapes: code with such
 * characters does not do what it seems to.
 */
function shown(text: string): string {
  return escapeHtml(text.replace(INVISIBLE, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`));
}

/** Control characters except tab and line break, format characters except those of emoji, and lone surrogates. */
const INVISIBLE = /(?![\t\n\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
