import { createRequire } from 'node:module';
import { missingPeer } from '../missing-peer.ts';

// The types are our own, so that the declarations of this package can be read without the optional peer.

/** What Eta removes from the text before or after a tag. */
type Trim = 'nl' | 'slurp' | false;

/** The part of Eta's configuration that determines how a template is split into text and tags. */
export interface ParserConfig {
  readonly tags: readonly [open: string, close: string];
  readonly autoTrim: Trim | [before: Trim, after: Trim];
  readonly parse: { readonly exec: string; readonly interpolate: string; readonly raw: string };
}

/** The text between tags, escaped for a literal with single quotes; or a tag: its kind and its code. */
export type ParsedPart = string | { readonly t: string; readonly val: string };

/** The part of `Eta` that is used. */
export interface EtaParser {
  /** @throws the parser's error if a tag, string or comment is not closed. */
  parse(template: string): readonly ParsedPart[];
}

const { Eta: Parser } = loadEta();

export function createParser({ tags, autoTrim, parse }: ParserConfig): EtaParser {
  return new Parser({ tags: [...tags], autoTrim, parse });
}

/** Loads the optional peer with `require`, so that CommonJS programs can load this subpath with `require` too. */
function loadEta(): { readonly Eta: new (config: ParserConfig) => EtaParser } {
  try {
    return createRequire(import.meta.url)('eta');
  } catch (cause) {
    throw missingPeer('eta', cause);
  }
}
