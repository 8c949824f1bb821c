// What the error page for developers shows of a request. Credentials are masked: a page can be shared.

import type { HTTPServerRequest } from '../request/http-server-request.ts';

const MASK = '(masked)';
/** Names of headers and of arguments that may have credentials. */
const SECRET =
  /auth|cookie|token|secret|passw|api[-_]?key|session|credential|csrf|xsrf|signature|^key$|^sid$|^code$/i;

const MAX_FIELDS = 100;
const MAX_VALUE_CHARS = 300;
const MAX_TARGET_CHARS = 2_000;

/** The header fields, in the order received; at most 100. */
export function shownFields({ headers }: HTTPServerRequest): (readonly [name: string, value: string])[] {
  const fields = [...headers.getAll()].slice(0, MAX_FIELDS);
  return fields.map(([name, value]) => [
    name,
    SECRET.test(name) ? MASK : clip(maskedUrls(value), MAX_VALUE_CHARS),
  ]);
}

/** The target of the request, with the values of secret arguments and user information masked. */
export function maskedTarget({ target }: HTTPServerRequest): string {
  return clip(maskedUrls(target), MAX_TARGET_CHARS);
}

/** Masks what a URL, such as that of a Referer, has of credentials. */
function maskedUrls(value: string): string {
  const withoutUser = value.replace(/:\/\/[^/?#\s]*@/g, `://${MASK}@`);
  return withoutUser.replace(/([?&;])([^=&;#?]*)=([^&;#]*)/g, (whole, separator: string, name: string) =>
    isSecret(name) ? `${separator}${name}=${MASK}` : whole,
  );
}

/** Whether an argument may have credentials. Its name is read as the program reads it; one that is invalid may be any. */
function isSecret(name: string): boolean {
  if (SECRET.test(name)) return true;
  if (!/[%+]/.test(name)) return false;
  try {
    return SECRET.test(decodeURIComponent(name).replaceAll('+', ' ').trim());
  } catch {
    return true;
  }
}

function clip(value: string, maxChars: number): string {
  return value.length > maxChars ? `${value.slice(0, maxChars)}…` : value;
}
