/** A text or value that an option does not accept. Returned rather than thrown, since all problems are collected. */
export class Refusal {
  /** What was expected, such as `a whole number of 0 to 65535`. */
  readonly expected: string;
  /** What to write instead. May contain the text, so it is not shown for a secret. */
  readonly remedy: string | undefined;

  constructor(expected: string, remedy?: string) {
    this.expected = expected;
    this.remedy = remedy;
  }
}
