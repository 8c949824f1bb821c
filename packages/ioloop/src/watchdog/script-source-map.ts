import { readFileSync, statSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Frame } from './stack-frames.ts';

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
