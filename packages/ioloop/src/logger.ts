/** Where a layer reports what no caller can be told. The console and pino both satisfy it. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** Writes each record to standard error as one line, continuation lines indented, controls escaped. */
export const consoleLogger: Logger = {
  debug() {},
  info: (details, message) => writeRecord('I', details, message),
  warn: (details, message) => writeRecord('W', details, message),
  error: (details, message) => writeRecord('E', details, message),
};

function writeRecord(level: string, details: object, message: string): void {
  const error = (details as { error?: unknown }).error;
  let text = message;
  if (error instanceof Error) text += level === 'E' ? `\n${error.stack ?? error.message}` : `: ${error.message}`;
  else if (error !== undefined) text += `: ${String(error)}`;
  process.stderr.write(`[${level} ${new Date().toISOString()}] ${oneRecord(text)}\n`);
}

/** Keeps peer-controlled text from forging a second record or moving the terminal's cursor. */
function oneRecord(text: string): string {
  return text
    .replace(/\r?\n/g, '\n    ')
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
