// From positions in compiled files to those in the files that they were compiled from.

import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { SourceFiles } from './source-files.ts';
import { pathOf } from './stack-frames.ts';

/** A position in an original file. */
export interface OriginalPosition {
  /** The absolute path; the text of the source map if that is not a file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** The text of the file, if the source map has it. */
  readonly content: string | undefined;
}

/** A parsed map with the sources that it names. */
interface LoadedMap {
  readonly map: SourceMap;
  readonly sources: ReadonlyMap<string, { readonly file: string; readonly content: string | undefined }>;
}

const MARKER = '//# sourceMappingURL=';
const MAX_URL_CHARS = 4_096;

/**
 * Finds original positions through the source maps that compiled files name: inline, or in a file. If Node itself maps
 * stacks (`--enable-source-maps`, or a loader such as tsx), they name the original files, which have no maps.
 */
export class SourceMaps {
  readonly #files: SourceFiles;
  readonly #maps = new Map<string, LoadedMap | undefined>();

  constructor(files: SourceFiles) {
    this.#files = files;
  }

  /** Returns undefined if the file has no usable source map, or the map does not have the position. */
  originalOf(file: string, line: number, column: number): OriginalPosition | undefined {
    if (!this.#maps.has(file)) this.#maps.set(file, this.#load(file));
    const loaded = this.#maps.get(file);
    if (loaded === undefined) return undefined;
    const entry = loaded.map.findEntry(line - 1, column - 1) as Partial<ReturnType<SourceMap['findEntry']>>;
    if (!('originalSource' in entry) || typeof entry.originalSource !== 'string') return undefined;
    const source = loaded.sources.get(entry.originalSource);
    if (source === undefined) return undefined;
    return { ...source, line: (entry.originalLine ?? 0) + 1, column: (entry.originalColumn ?? 0) + 1 };
  }

  #load(file: string): LoadedMap | undefined {
    try {
      const text = this.#files.compiled(file)?.text;
      const at = text?.lastIndexOf(MARKER) ?? -1;
      if (text === undefined || at === -1) return undefined;
      const url = /^\S+/.exec(text.slice(at + MARKER.length))?.[0] ?? '';
      return url.startsWith('data:') ? mapOf(dataOf(url), file) : this.#loadFile(url, file);
    } catch {
      return undefined; // not a source map
    }
  }

  #loadFile(url: string, file: string): LoadedMap | undefined {
    if (url.length > MAX_URL_CHARS || /^(?!file:)[a-z][a-z0-9+.-]+:/i.test(url)) return undefined;
    const path = url.startsWith('file:') ? pathOf(url) : resolve(dirname(file), decodeURIComponent(url));
    const json = this.#files.sourceMap(path)?.text;
    return json === undefined ? undefined : mapOf(json, path);
  }
}

function dataOf(url: string): string {
  const comma = url.indexOf(',');
  const data = url.slice(comma + 1);
  return url.slice(0, comma).endsWith(';base64')
    ? Buffer.from(data, 'base64').toString('utf8')
    : decodeURIComponent(data);
}

/** @param base - the file that the sources are relative to. @throws any error if it is not a source map. */
function mapOf(json: string, base: string): LoadedMap {
  // RFC 8259 does not allow the guard that some servers put in front, but the format of source maps does.
  const payload = JSON.parse(json.replace(/^\)\]\}'[^\n]*\n/, '')) as SourceMapPayload;
  const sources = new Map<string, { file: string; content: string | undefined }>();
  for (const part of partsOf(payload)) {
    for (const [index, source] of part.sources.entries()) {
      if (typeof source !== 'string') continue;
      const content: unknown = part.sourcesContent?.[index];
      const file = fileOfSource(source, part.sourceRoot, base);
      sources.set(source, { file, content: typeof content === 'string' ? content : undefined });
    }
  }
  return { map: new SourceMap(payload), sources };
}

/** An index map has several maps (ECMA-426 §10). */
function partsOf(payload: SourceMapPayload): readonly SourceMapPayload[] {
  const { sections } = payload as { readonly sections?: readonly { readonly map: SourceMapPayload }[] };
  return sections === undefined ? [payload] : sections.map(({ map }) => map);
}

function fileOfSource(source: string, root: unknown, base: string): string {
  const place = typeof root === 'string' && root !== '' ? `${root.replace(/\/$/, '')}/${source}` : source;
  if (place.startsWith('file:')) return pathOf(place);
  // Such as `webpack://app/src/a.ts`: a name, not a file.
  if (/^[a-z][a-z0-9+.-]+:/i.test(place)) return place;
  return isAbsolute(place) ? place : resolve(dirname(base), place);
}
