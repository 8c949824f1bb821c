/** Something that writes what is left when the process exits. */
export interface ExitWriter {
  /** Must be synchronous, and must not throw. */
  writeAtExit(): void;
}

const writers = new Set<ExitWriter>();

/** Has `writer` called at the exit of the process, or of the worker thread, until {@link forgetAtExit}. */
export function writeAtExit(writer: ExitWriter): void {
  if (writers.size === 0) process.on('exit', writeAll);
  writers.add(writer);
}

export function forgetAtExit(writer: ExitWriter): void {
  writers.delete(writer);
  if (writers.size === 0) process.off('exit', writeAll);
}

/** One listener for all files, since Node warns of many. */
function writeAll(): void {
  for (const writer of writers) writer.writeAtExit();
}
