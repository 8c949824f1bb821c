import type { HTTPServerResponse } from './http-server-response.ts';

/** Adds a name to the header `Vary` (RFC 9110 §12.5.5), unless it is already there. */
export function addVary(response: HTTPServerResponse, name: string): void {
  const present = response.header('Vary');
  const names = present?.toLowerCase().split(',') ?? [];
  const isThere = names.some((one) => one.trim() === '*' || one.trim() === name.toLowerCase());
  if (!isThere) response.addHeader('Vary', name);
}
