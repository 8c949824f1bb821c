import { type ReportedError, reportError } from '../debug-page/error-report.ts';
import type { SourceExcerpt } from '../debug-page/source-excerpt.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { debugHtml } from './debug-page-html.ts';
import {
  type ErrorFacts,
  type ErrorPage,
  errorPage,
  HTML_TYPE,
  prefersJson,
  problemPage,
} from './error-page.ts';

/**
 * Makes the error page for developers: the error with its causes, its stack in terms of the original source, excerpts of
 * the source, and the request without its credentials. Its form depends on `Accept`:
 *
 * - A client that prefers JSON gets a problem document with the additional members `exception`, `stack`, `excerpt` and
 *   `causes`.
 * - A client that lists `text/html`, such as a browser, gets an HTML page. It loads nothing, needs no script, and shows
 *   text of the error and of the request escaped.
 * - Any other, such as curl, gets the stack as plain text.
 *
 * Reads source files synchronously, so it is only for development. Never throws, whatever the error is: if a page cannot
 * be made, it is that of {@link errorPage}.
 *
 * @param error - what was thrown, which need not be an Error.
 */
export function debugPage(request: HTTPServerRequest, facts: ErrorFacts, error: unknown): ErrorPage {
  try {
    const errors = reportError(error);
    if (prefersJson(request)) return problemPage(request, facts, problemMembers(errors));
    if (listsHtml(request)) return { contentType: HTML_TYPE, body: debugHtml(request, facts, errors) };
    return { contentType: 'text/plain; charset=UTF-8', body: stackText(errors) };
  } catch {
    return errorPage(request, facts); // the request cannot be shown
  }
}

/** Browsers list the type when they navigate. `*`/`*` alone is not enough. */
function listsHtml(request: HTTPServerRequest): boolean {
  return /(?:^|,)\s*text\/html\s*(?:;|,|$)/i.test(
    (request.headers.get('Accept') ?? '').slice(0, MAX_ACCEPT_CHARS),
  );
}

const MAX_ACCEPT_CHARS = 1_024;

function problemMembers([first, ...causes]: readonly ReportedError[]): object {
  if (first === undefined) return {};
  const members = errorMembers(first);
  return {
    exception: members.exception,
    stack: members.stack,
    ...(members.excerpt === undefined ? {} : { excerpt: members.excerpt }),
    causes: causes.map(({ relation, ...cause }) => ({ relation, ...errorMembers(cause) })),
  };
}

function errorMembers(error: Omit<ReportedError, 'relation'>): {
  readonly exception: object;
  readonly stack: readonly object[];
  readonly excerpt?: SourceExcerpt;
} {
  const { name, code, message, frames } = error;
  const excerpt = error.excerpt ?? frames.find((frame) => frame.excerpt !== undefined)?.excerpt;
  return {
    exception: { name, ...(code === undefined ? {} : { code }), message },
    stack: frames.map(({ excerpt: _, functionName, ...place }) => ({ function: functionName, ...place })),
    ...(excerpt === undefined ? {} : { excerpt }),
  };
}

function stackText(errors: readonly ReportedError[]): string {
  let text = '';
  for (const { relation, name, code, message, frames } of errors) {
    const heading = `${name}${code === undefined ? '' : ` [${code}]`}${message === '' ? '' : `: ${message}`}`;
    text += `${relation === '' ? '' : `${relation}: `}${heading}\n`;
    for (const { functionName, file, line, column } of frames) {
      const place = line === 0 ? file : `${file}:${line}:${column}`;
      text += functionName === '' ? `    at ${place}\n` : `    at ${functionName} (${place})\n`;
    }
  }
  return text;
}
