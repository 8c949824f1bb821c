import { readFileSync } from 'node:fs';
import type { LinkifyOptions } from '../../src/linkify/index.ts';

interface EscapedText {
  readonly text: string;
  /** With plus, as in a query. */
  readonly plus: string;
  /** Without plus, as in a path. */
  readonly path: string;
}

interface ConvertedText {
  readonly text: string;
  readonly result: string;
}

/** What `testdata/tornado-text.py` wrote: texts as Tornado converts them. */
export const tornadoTexts: {
  readonly linkify: readonly {
    readonly text: string;
    readonly options: LinkifyOptions;
    readonly html: string;
  }[];
  readonly escaped: readonly EscapedText[];
  readonly unescaped: readonly EscapedText[];
  readonly squeezed: readonly ConvertedText[];
  readonly references: readonly ConvertedText[];
} = JSON.parse(readFileSync(new URL('../../testdata/tornado-text.json', import.meta.url), 'utf8'));
