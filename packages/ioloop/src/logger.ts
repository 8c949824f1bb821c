import { runInRootContext } from './root-context.ts';

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
  if (error instanceof Error)
    text += level === 'E' ? `\n${error.stack ?? error.message}` : `: ${error.message}`;
  else if (error !== undefined) text += `: ${String(error)}`;
  // Node opens standard error at its first use, and a pipe or socket would keep the context of that moment for good.
  runInRootContext(writeText, `[${level} ${new Date().toISOString()}] ${oneRecord(text)}\n`);
}

function writeText(this: string): void {
  process.stderr.write(this);
}

/** Keeps peer-controlled text from forging a second record or moving the terminal's cursor. */
function oneRecord(text: string): string {
  let safe = '';
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (character === '\n') safe += '\n    ';
    else if (isControl(code)) safe += `\\x${code.toString(16).padStart(2, '0')}`;
    else safe += character;
  }
  return safe;
}

/** C0 and C1 controls, DEL, and the separators that some viewers take for line ends. */
function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029;
}
