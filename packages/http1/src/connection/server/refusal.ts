import { type HTTPHeaders, STATUS_REASONS } from '../../protocol/index.ts';

/** An answer that the connection gives by itself, before or in place of the delegate. */
export interface Refusal {
  readonly status: number;
  /** What was wrong, in words that the peer may see; may be empty. */
  readonly detail: string;
  /** Fields besides those that each refusal has. */
  readonly headers?: HTTPHeaders | undefined;
}

/** A complete answer that ends the connection; `body` is empty where the request was HEAD. All of it is latin1. */
export function encodeRefusal(
  refusal: Refusal,
  date: string,
  method: string,
): { readonly head: string; readonly body: string } {
  const reason = STATUS_REASONS[refusal.status] ?? 'Error';
  const fields = refusal.headers?.serialize() ?? '';
  const body = `${refusal.status} ${reason}${refusal.detail === '' ? '' : `: ${printable(refusal.detail)}`}\n`;
  const head =
    `HTTP/1.1 ${refusal.status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\n${fields}` +
    `Content-Length: ${body.length}\r\nDate: ${date}\r\nConnection: close\r\n\r\n`;
  return { head, body: method === 'HEAD' ? '' : body };
}

/** ASCII only: the answer leaves as latin1, and the detail may quote the peer. */
function printable(text: string): string {
  return text.replaceAll('§', 'section ').replace(/[^\u0020-\u007e]/g, '?');
}
