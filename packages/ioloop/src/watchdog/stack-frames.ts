import { readFileSync, statSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
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

/** A map that is larger than this is not worth the time while somebody waits for the report. */
const MAX_MAP_BYTES = 64 * 1024 * 1024;

/** Code that the engine has parsed. */
export interface Script {
  readonly url: string;
  /** Where it says that its source map is: a `data:` URL, or one that is relative to its own. */
  readonly sourceMapURL?: string | undefined;
}

/** One section of an indexed map (ECMA-426), or the whole of another. */
interface RawMap {
  sources?: unknown;
  sourceRoot?: unknown;
  sections?: ReadonlyArray<{ map?: RawMap }>;
}

/**
 * The source map of a script, read when it is made: from the script's own comment, or from the file that this names.
 * A map that cannot be read or makes no sense maps nothing, since a report with compiled places is better than none.
 */
export class ScriptSourceMap {
  readonly #map: SourceMap | undefined;

  constructor(script: Script) {
    this.#map = load(script);
  }

  /** The frame at the place that its author wrote, where the map knows it. */
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

/** Nothing is fetched: a map on the network stays there. */
function fileText(url: string): string {
  const path = fileURLToPath(url);
  if (statSync(path).size > MAX_MAP_BYTES) throw new Error('the source map is too large');
  return readFileSync(path, 'utf8');
}

/** Sources are relative to their map, behind `sourceRoot` where there is one. */
function resolveSources(map: RawMap, base: string): void {
  if (!Array.isArray(map.sources)) return;
  const root = typeof map.sourceRoot === 'string' && map.sourceRoot !== '' ? `${map.sourceRoot}/` : '';
  map.sources = map.sources.map((source) => {
    const text = `${root}${String(source ?? '')}`;
    return URL.canParse(text, base) ? new URL(text, base).href : text;
  });
}
