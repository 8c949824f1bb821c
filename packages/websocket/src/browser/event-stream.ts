/** A block of an event stream. Without `data`, it only says where the stream stands. */
export interface StreamBlock {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
}

/**
 * Splits the text of an event stream into blocks (HTML Standard §9.2). Unlike `EventSource`, it reports a block that has
 * an id but no data, which is how the server states the position before the first record. Lines end with LF or CR LF; a
 * CR alone does not end one.
 */
export class EventStreamParser {
  #rest = '';

  /** Returns the blocks that `text` completes, in which a later field replaces an earlier one, except for `data`. */
  push(text: string): StreamBlock[] {
    const blocks = (this.#rest + text.replace(/\r/g, '')).split('\n\n');
    this.#rest = blocks.pop() as string;
    return blocks.map(parseBlock);
  }
}

function parseBlock(block: string): StreamBlock {
  const fields: Record<string, string> = {};
  for (const [, name, value] of block.matchAll(/(?:^|\n)(\w+): ?([^\n]*)/g) as Iterable<[string, string, string]>) {
    fields[name] = name === 'data' && name in fields ? `${fields.data}\n${value}` : value;
  }
  return fields;
}
