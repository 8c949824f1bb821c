import { readFileSync, statSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A position in a source file. Lines and columns start at 1. */
export interface Frame {
  readonly functionName: string;
  /** As reported by the engine or a source map; empty for code without a file. */
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

/** Whether a frame is Node's own code, which is in every stack and never the cause of a block. */
export function isInternal(frame: Frame): boolean {
  return frame.url.startsWith('node:');
}

/** Formats a frame as `function (file:line:column)`, with a path instead of a file URL. */
export function describeFrame({ functionName, url, line, column }: Frame): string {
  const place = `${pathOf(url)}:${line}:${column}`;
  return functionName === '' ? place : `${functionName} (${place})`;
}

/** @param total - the number of frames before any were cut off. */
export function describeStack(frames: readonly Frame[], total: number): string {
  const lines = frames.map((frame) => `at ${describeFrame(frame)}`);
  if (total > frames.length) lines.push(`… and ${total - frames.length} more frames`);
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

/** A source map larger than this is not loaded: it would delay the report too much. */
const MAX_MAP_BYTES = 64 * 1024 * 1024;

/** A script that the engine has parsed. */
export interface Script {
  readonly url: string;
  /** The URL of its source map as stated by the script: a `data:` URL, or one relative to the script's own. */
  readonly sourceMapURL?: string | undefined;
}

/** One section of an indexed map (ECMA-426), or the whole of any other map. */
interface RawMap {
  sources?: unknown;
  sourceRoot?: unknown;
  sections?: ReadonlyArray<{ map?: RawMap }>;
}

/**
 * The source map of a script, read by the constructor: from the script's own comment, or from the file that the comment
 * names. If the map cannot be read or is invalid, frames keep their compiled positions.
 */
export class ScriptSourceMap {
  readonly #map: SourceMap | undefined;

  constructor(script: Script) {
    this.#map = load(script);
  }

  /** Returns the frame with its position in the original source, if the map contains that. */
  original(frame: Frame): Frame {
    const entry = this.#map?.findEntry(frame.line - 1, frame.column - 1);
    if (entry === undefined || !('originalSource' in entry) || entry.originalSource === undefined)
      return frame;
    const { originalSource: url, originalLine, originalColumn } = entry;
    return { ...frame, url, line: originalLine + 1, column: originalColumn + 1 };
  }
}

function load({ url, sourceMapURL = '' }: Script): SourceMap | undefined {
  try {
    const inline = sourceMapURL.startsWith('data:');
    const base = inline ? url : new URL(sourceMapURL, url).href;
    const raw = JSON.parse(inline ? inlineText(sourceMapURL) : fileText(base)) as RawMap;
    for (const part of raw.sections?.map(({ map }) => map) ?? [raw]) if (part) resolveSources(part, base);
    return new SourceMap(raw as SourceMapPayload);
  } catch {
    return undefined;
  }
}

function inlineText(dataUrl: string): string {
  const comma = dataUrl.indexOf(',');
  const body = dataUrl.slice(comma + 1);
  return dataUrl.slice(0, comma).endsWith(';base64')
    ? Buffer.from(body, 'base64').toString()
    : decodeURIComponent(body);
}

/** Reads a local file. A map on the network is not fetched. */
function fileText(url: string): string {
  const path = fileURLToPath(url);
  if (statSync(path).size > MAX_MAP_BYTES) throw new Error('the source map is too large');
  return readFileSync(path, 'utf8');
}

/** Resolves sources relative to their map, prefixed by `sourceRoot` if there is one. */
function resolveSources(map: RawMap, base: string): void {
  if (!Array.isArray(map.sources)) return;
  const root = typeof map.sourceRoot === 'string' && map.sourceRoot !== '' ? `${map.sourceRoot}/` : '';
  map.sources = map.sources.map((source) => {
    const text = `${root}${String(source ?? '')}`;
    return URL.canParse(text, base) ? new URL(text, base).href : text;
  });
}
