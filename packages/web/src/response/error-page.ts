import { STATUS_REASONS } from '@landspout/http1';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The page of an error: its status and reason, escaped, and nothing else. */
export function errorPage(status: number, reason: string): string {
  const known = reason === '' ? (STATUS_REASONS[status] ?? 'Unknown') : reason;
  const title = `${status}: ${known.replace(/[&<>"']/g, (char) => ENTITIES[char] as string)}`;
  return `<!DOCTYPE html><html><title>${title}</title><body>${title}</body></html>\n`;
}
