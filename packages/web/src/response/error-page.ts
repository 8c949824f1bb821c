import { type JsonObject, STATUS_REASONS } from '@landspout/http1';
import Negotiator from 'negotiator';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { escapeHtml } from '../text/escape-html.ts';

/** What an error page tells the client. */
export interface ErrorFacts {
  readonly status: number;
  /** The reason phrase; '' for the registered one. */
  readonly reason: string;
  /** A sentence for the client about this occurrence. */
  readonly detail?: string | undefined;
  /** Additional members of the problem document (RFC 9457 §3.2), such as a list of invalid fields. */
  readonly extensions?: JsonObject | undefined;
}

/** The body of an error page, and its Content-Type. */
export interface ErrorPage {
  readonly contentType: string;
  readonly body: string;
}

export const HTML_TYPE = 'text/html; charset=UTF-8';
const PROBLEM_TYPE = 'application/problem+json';
/** In our order of preference, which is used if the client has no preference. */
const TYPES = ['text/html', PROBLEM_TYPE, 'application/json'];

/**
 * Makes an error page: a problem document (RFC 9457) if the client's `Accept` prefers JSON, otherwise a small HTML
 * page. Its text is escaped.
 *
 * @param request - undefined if the headers of the request are not known.
 */
export function errorPage(request: HTTPServerRequest | undefined, facts: ErrorFacts): ErrorPage {
  if (request !== undefined && prefersJson(request)) return problemPage(request, facts);
  return { contentType: HTML_TYPE, body: htmlPage(facts.status, titleOf(facts), facts.detail) };
}

/** The title of an error page: the reason phrase of its status. */
export function titleOf({ status, reason }: ErrorFacts): string {
  return reason === '' ? (STATUS_REASONS[status] ?? 'Unknown') : reason;
}

/** Makes a problem document. @param extensions - additional members, which replace those of the facts. */
export function problemPage(
  request: HTTPServerRequest,
  facts: ErrorFacts,
  extensions: object = {},
): ErrorPage {
  const problem = {
    ...facts.extensions,
    ...extensions,
    type: 'about:blank',
    title: titleOf(facts),
    status: facts.status,
    ...(facts.detail === undefined ? {} : { detail: facts.detail }),
    instance: request.path,
  };
  return { contentType: `${PROBLEM_TYPE}; charset=UTF-8`, body: `${JSON.stringify(problem)}\n` };
}

/** Limit for an Accept header that is parsed. Browsers send about 150 characters; parsing 60,000 would take 50 ms. */
const MAX_ACCEPT_CHARS = 1_024;

/** Whether the client prefers a problem document to a page. */
export function prefersJson(request: HTTPServerRequest): boolean {
  const accept = request.headers.get('Accept');
  // The case for most clients. Only the code below allocates memory.
  if (accept === undefined || accept.length > MAX_ACCEPT_CHARS || !accept.includes('json')) return false;
  const type = new Negotiator({ headers: { accept } }).mediaType(TYPES);
  return type !== undefined && type !== 'text/html';
}

/** What each page starts with. */
export const PAGE_HEAD =
  '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">' +
  '<meta name="viewport" content="width=device-width, initial-scale=1">' +
  '<meta name="color-scheme" content="light dark">';

/**
 * The start of each page for users. It is readable on a phone, follows the colour scheme of the reader, and stays readable if a
 * Content-Security-Policy forbids the style. Long words, such as the name of an argument, are broken.
 */
const PAGE_START =
  `${PAGE_HEAD}<style>` +
  'body{font:1.1rem/1.5 system-ui,sans-serif;margin:15vh auto;max-width:36rem;padding:0 1.25rem;overflow-wrap:anywhere}' +
  'h1{font-size:1.75rem;line-height:1.25}</style>';

function htmlPage(status: number, title: string, detail: string | undefined): string {
  const heading = escapeHtml(`${status}: ${title}`);
  const text = detail === undefined ? '' : `<p>${escapeHtml(detail)}</p>`;
  return `${PAGE_START}<title>${heading}</title></head><body><h1>${heading}</h1>${text}</body></html>\n`;
}
