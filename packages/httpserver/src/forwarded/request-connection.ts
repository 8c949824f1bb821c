/**
 * The base of the descriptions of a connection that belong to one request: nothing is notified of their end, which is
 * that of the request.
 */
export abstract class RequestConnection {}
