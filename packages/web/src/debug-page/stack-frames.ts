// The frames of a stack as V8 writes it. Does not read files.

import { fileURLToPath } from 'node:url';

/**
 * Whose code a frame belongs to. `unknown` is code without a file: native functions, `eval`, WebAssembly.
 */
export type FrameOwner = 'program' | 'dependency' | 'landspout' | 'node' | 'unknown';

export interface StackFrame {
  /** The function, as V8 names it; '' if it has no name. */
  readonly functionName: string;
  /** The absolute path; otherwise what the stack says in its place, such as `node:fs`. */
  readonly file: string;
  /** From 1; 0 if it is not known. */
  readonly line: number;
  /** From 1; 0 if it is not known. */
  readonly column: number;
  readonly owner: FrameOwner;
}

/** The largest number of frames of one stack. V8 writes 10 unless the program raises the limit. */
const MAX_FRAMES = 50;
const MAX_LINE_CHARS = 2_048;

const AT = '    at ';

/** Parses the lines of a stack. Other lines are ignored. */
export function parseFrames(stack: string): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const line of stack.split('\n')) {
    if (!line.startsWith(AT) || line.length > MAX_LINE_CHARS) continue;
    frames.push(frameOf(line.slice(AT.length)));
    if (frames.length === MAX_FRAMES) break;
  }
  return frames;
}

/** @param text - `name (place)` or `place`. */
function frameOf(text: string): StackFrame {
  const open = text.endsWith(')') ? text.indexOf(' (') : -1;
  const functionName = open === -1 ? '' : text.slice(0, open);
  const place = open === -1 ? text.replace(/^async /, '') : text.slice(open + 2, -1);
  const match = /^(.+):(\d{1,9}):(\d{1,9})$/.exec(place);
  // The place of an `eval` ends like that of a file.
  if (match === null || place.startsWith('eval at ')) {
    return { functionName, file: place, line: 0, column: 0, owner: 'unknown' };
  }
  const file = pathOf(match[1] as string);
  return { functionName, file, line: Number(match[2]), column: Number(match[3]), owner: ownerOf(file) };
}

/** The path of a `file:` URL; other texts are returned as they are. */
export function pathOf(place: string): string {
  if (!place.startsWith('file:')) return place;
  try {
    return fileURLToPath(place.replace(/[?#].*$/, '')); // `import('./x.js?1')`
  } catch {
    return place;
  }
}

/** Whose code a file is. */
export function ownerOf(file: string): FrameOwner {
  if (file.startsWith('node:')) return 'node';
  if (/[\\/]node_modules[\\/](?:@landspout[\\/]|landspout[\\/])/.test(file) || isInRepository(file))
    return 'landspout';
  if (/[\\/]node_modules[\\/]/.test(file)) return 'dependency';
  return isAbsolutePath(file) ? 'program' : 'unknown';
}

function isAbsolutePath(file: string): boolean {
  return file.startsWith('/') || /^[A-Za-z]:[\\/]/.test(file);
}

/** The folder of the packages if this module runs inside the repository of Landspout; otherwise undefined. */
const PACKAGES = /^(.*[\\/]packages[\\/])web[\\/](?:src|dist)[\\/]/.exec(pathOf(import.meta.url))?.[1];

function isInRepository(file: string): boolean {
  if (PACKAGES === undefined || !file.startsWith(PACKAGES)) return false;
  return /^[^\\/]+[\\/](?:src|dist)[\\/]/.test(file.slice(PACKAGES.length));
}
