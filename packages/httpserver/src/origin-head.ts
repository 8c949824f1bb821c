import { type RequestHead, requestHost, targetPath } from '@landspout/http1';

const SLASH = 0x2f;

/**
 * Returns the head of a request in the form that handlers expect: for a target in absolute form, with the path and query
 * as target and its authority as Host. A server must ignore the Host that the client sent with such a target (RFC 9112
 * §3.2.2), but handlers read that field. Other heads are returned as they are.
 */
export function originHead(head: RequestHead): RequestHead {
  const { method, target } = head;
  if (target.charCodeAt(0) === SLASH || target === '*' || method === 'CONNECT') return head;
  const { version, headers, mountPath, hasPrecondition } = head;
  const mark = target.indexOf('?');
  const query = mark === -1 ? '' : target.slice(mark);
  const inner = {
    method,
    target: targetPath(target) + query,
    version,
    headers: headers.copy().set('Host', requestHost(method, target, undefined)),
    mountPath,
    received: head.received ?? head,
  };
  return hasPrecondition === undefined ? inner : { ...inner, hasPrecondition };
}
