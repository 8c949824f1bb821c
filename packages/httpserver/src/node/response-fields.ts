import type { ServerResponse } from 'node:http';
import type { HTTPHeaders } from '@landspout/http1';

/** Fields to which middleware in front may have added values that must be kept. */
const SET_COOKIE = 'set-cookie';
const VARY = 'vary';

/** Sets the fields, each with all its values. Values that middleware in front has set are replaced, or kept too. */
export function setResponseHeaders(response: ServerResponse, headers: HTTPHeaders): void {
  const seen = new Set<string>();
  for (const [name, value] of headers.getAll()) {
    const key = name.toLowerCase();
    if (key === VARY) response.setHeader(name, joined(response.getHeader(name), value));
    else if (key === SET_COOKIE || seen.has(key)) response.appendHeader(name, value);
    else response.setHeader(name, value);
    seen.add(key);
  }
}

function joined(present: number | string | string[] | undefined, value: string): string {
  return present === undefined ? value : `${Array.isArray(present) ? present.join(', ') : present}, ${value}`;
}
