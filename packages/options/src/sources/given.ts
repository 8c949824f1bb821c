import type { Option } from '../definitions/option.ts';
import type { OptionProblem } from '../errors.ts';

/** Where a value can come from. The earlier ones win, except that `override` wins over all. */
export type OptionSource = 'override' | 'command line' | 'environment' | 'file' | 'default';

/** Where a value is. */
export interface Origin {
  readonly source: OptionSource;
  /** Such as `--port`, `PORT` or `app.json:3`; empty for a default. */
  readonly where: string;
}

/** A value as a source has it, before it is parsed. */
export type Given = Origin &
  (
    | { readonly kind: 'texts'; readonly texts: readonly string[] }
    | { readonly kind: 'json'; readonly json: unknown }
    /** The path of a file with a secret. */
    | { readonly kind: 'path'; readonly path: string }
  );

/** The values of one source, and what is wrong with it. */
export class GivenValues {
  readonly values = new Map<Option, Given>();
  readonly problems: OptionProblem[] = [];

  /** Adds a value; a list of texts is appended to one that the same source has for the option. */
  add(option: Option, given: Given): void {
    const other = this.values.get(option);
    if (other !== undefined && (other.kind === 'path') !== (given.kind === 'path')) {
      const { where } = given;
      this.problem(option.key, where, `${other.where} and ${where} are both given; leave out one of them`);
      return;
    }
    const isMore = other?.kind === 'texts' && given.kind === 'texts' && option.isList;
    this.values.set(option, isMore ? { ...given, texts: [...other.texts, ...given.texts] } : given);
  }

  /** @param option - the name of the option; `undefined` if the problem is about no known option. */
  problem(option: string | undefined, where: string, message: string, cause?: unknown): void {
    this.problems.push({ option, where, message, ...(cause === undefined ? {} : { cause }) });
  }
}
