/** The JavaScript of one template, and where each of its lines comes from. */
export interface TemplateCode {
  /** The statements of the body. They use the namespace under its name, and the scope as `$eta`. */
  readonly body: string;
  /** The line of the template for each line of the body, from index 0. */
  readonly lines: readonly number[];
}

/**
 * Collects the code of a template so that a line of the body is the same line of the template where that is possible:
 * stack traces and debuggers then show it. {@link TemplateCode.lines} is exact.
 */
export class TemplateWriter {
  #body = '';
  #lines: number[] = [1];
  /** Whether the current line of the body has code of a tag. */
  #isUsed = false;

  /** Adds code that belongs to no line. It must not contain line breaks. */
  add(code: string): void {
    this.#body += code;
  }

  /** Adds the code of a tag that starts on a line of the template. */
  addTag(line: number, code: string): void {
    while (this.#lines.length < line) this.#breakLine(this.#lines.length + 1);
    if (this.#isUsed && this.#lines.at(-1) !== line) this.#breakLine(line);
    this.#lines[this.#lines.length - 1] = line;
    this.#isUsed = true;
    const breaks = code.split('\n').length - 1;
    this.#body += code;
    for (let more = 1; more <= breaks; more += 1) this.#lines.push(line + more);
  }

  /** Ends the current line, so that a comment in it ends, and a missing semicolon is inserted. */
  endLine(): void {
    this.#breakLine(this.#lines.at(-1) as number);
  }

  end(): TemplateCode {
    return { body: this.#body, lines: this.#lines };
  }

  #breakLine(nextLine: number): void {
    this.#body += '\n';
    this.#lines.push(nextLine);
    this.#isUsed = false;
  }
}
