/** The capability `cursorBeyond`: ids of a stream are beyond others if their milliseconds are. */
export function cursorBeyond(cursor: string, by: number): string {
  const [epoch, milliseconds, sequence] = cursor.split(/[.-](?=\d+-\d+$|\d+$)/);
  return `${epoch}.${Number(milliseconds) + by}-${sequence}`;
}
