import path from 'node:path';
import { lookup } from 'mrmime';

/**
 * The Content-Type of a file, by the ending of its name. Text is said to be UTF-8. What is not known, or known to be
 * compressed in a way that has no type of its own, is `application/octet-stream`.
 */
export function fileContentType(name: string): string {
  const extension = path.extname(name);
  const type = extension === '' ? undefined : lookup(extension);
  if (type === undefined) return 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=UTF-8` : type;
}
