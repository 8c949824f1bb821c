/** A block of an event stream. Without `data`, it only says where the stream stands. */
export interface StreamBlock {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
}

/**
 * Parses a block of an event stream, without the empty line at its end (HTML Standard §9.2). Unlike `EventSource`, it
 * also reads a block that has an id but no data, which is how the server states the position before the first record.
 *
 * @param block - lines that end with LF.
 */
export function parseBlock(block: string): StreamBlock {
  const fields: Record<string, string> = {};
  for (const [, name, value] of block.matchAll(/(?:^|\n)(\w+): ?([^\n]*)/g) as Iterable<
    [string, string, string]
  >)
    fields[name] = name === 'data' && name in fields ? `${fields.data}\n${value}` : value;
  return fields;
}
