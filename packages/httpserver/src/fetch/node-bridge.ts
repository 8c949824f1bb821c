import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HTTPServerExchange, HTTPUsageError, type RequestHead } from '@landspout/http1';
import type { IncomingBody } from '../bodies/incoming-body.ts';

/** The objects of `node:http` for one exchange. */
export interface NodeExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Creates the request and response of `node:http` for an exchange. */
export function nodeExchangeFor(
  _exchange: HTTPServerExchange,
  _head: RequestHead,
  _body: IncomingBody,
): NodeExchange {
  throw new HTTPUsageError('FetchContainer: the objects of node:http are not available');
}
