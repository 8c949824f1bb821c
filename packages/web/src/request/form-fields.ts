import {
  DEFAULT_QUERY_LIMITS,
  type HTTPHeaders,
  parseFormBody,
  parseQuery,
  type QueryArguments,
} from '@landspout/http1';
import { refusalOf } from './input-refusal.ts';

/** Names and all their values, in order. A map, so that no name reaches a prototype. */
export type Arguments = QueryArguments;

/** Most fields of one query or form: above it a peer only wants to keep us busy. The precedent is PHP's and Tornado's. */
export const MAX_FIELDS: number = DEFAULT_QUERY_LIMITS.maxFields;

const NO_ARGUMENTS: Arguments = new Map();

/** The arguments of a query. @throws HTTPError as `parseQuery` of http1 has its status. */
export function argumentsOfQuery(query: string): Arguments {
  if (query === '') return NO_ARGUMENTS;
  try {
    return parseQuery(query);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** The arguments of an urlencoded body. @throws HTTPError as `parseFormBody` of http1 has its status. */
export function argumentsOfBody(headers: HTTPHeaders, body: Uint8Array): Arguments {
  try {
    // The server has held the body to its limit already.
    return parseFormBody(headers, body, { maxBytes: body.length });
  } catch (error) {
    throw refusalOf(error);
  }
}
