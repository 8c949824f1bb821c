import { fileURLToPath } from 'node:url';

/** A place in a source, as a person counts: from 1. */
export interface Frame {
  readonly functionName: string;
  /** As the engine names it, or as a source map does; empty for code that came from nowhere. */
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

/** Whether a frame is Node's own code, which is in every stack and is never the culprit. */
export function isInternal(frame: Frame): boolean {
  return frame.url.startsWith('node:');
}

/** `function (file:line:column)`, with a path in place of a file's URL. */
export function describeFrame({ functionName, url, line, column }: Frame): string {
  const place = `${pathOf(url)}:${line}:${column}`;
  return functionName === '' ? place : `${functionName} (${place})`;
}

/** @param total - how many frames there were before the limit. */
export function describeStack(frames: readonly Frame[], total: number): string {
  const lines = frames.map((frame) => `at ${describeFrame(frame)}`);
  if (total > frames.length) lines.push(`… and ${total - frames.length} frames more`);
  return lines.join('\n');
}

function pathOf(url: string): string {
  if (url === '') return '<anonymous>';
  if (!url.startsWith('file:')) return url;
  try {
    return fileURLToPath(url);
  } catch {
    return url; // a file: URL with a host or an escaped slash has no path
  }
}
