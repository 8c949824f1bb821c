import { CodedError } from '@landspout/ioloop/errors';

/** A line of a template. */
export interface TemplatePlace {
  /** The name of the template below its folder, such as `pages/home.eta`. */
  readonly template: string;
  /** The absolute path of its file; undefined if the template was precompiled. */
  readonly file: string | undefined;
  /** The number of the line, from 1; undefined if it is not known. */
  readonly line: number | undefined;
}

/** How one template got to another. */
export interface TemplateCaller extends TemplatePlace {
  readonly relation: 'include' | 'layout';
}

export interface TemplateErrorOptions extends ErrorOptions {
  /** Where the error is. Default: nowhere, for a template that does not exist. */
  readonly place?: TemplatePlace;
  /** The templates that led to the place, innermost first. Default: none. */
  readonly trace?: readonly TemplateCaller[];
}

/** The longest problem in a message. Errors of libraries can quote whole documents. */
const MAX_PROBLEM_CHARS = 600;
/** The largest number of templates in a message that led to the place. */
const MAX_CALLERS = 8;

/**
 * A template does not exist, is invalid, or threw while it was rendered. The message has the name and the line of the
 * template, and those of the templates that include it; it never contains the source.
 *
 * Not for clients: without an own error page, the response is a plain 500. An `HTTPError` and a `Finish` that a
 * template throws are not wrapped.
 */
export class TemplateError extends CodedError<'ERR_WEB_TEMPLATE'> {
  override readonly name = 'TemplateError';

  /** What is wrong, without the place. */
  readonly problem: string;
  /** The name of the template; undefined if it does not exist. */
  readonly template: string | undefined;
  /** The absolute path of the template's file; undefined if there is none, or the template was precompiled. */
  readonly file: string | undefined;
  /** The number of the line, from 1, where the tag with the error starts; or the exact line, if it is known. */
  readonly line: number | undefined;
  /** The templates that included it or have it as their layout, innermost first. */
  readonly trace: readonly TemplateCaller[];

  constructor(problem: string, { place, trace = [], ...options }: TemplateErrorOptions = {}) {
    super('ERR_WEB_TEMPLATE', describe(problem, place, trace), options);
    this.problem = problem;
    this.template = place?.template;
    this.file = place?.file;
    this.line = place?.line;
    this.trace = trace;
  }

  /** Wraps what a template threw. */
  static wrap(cause: Error, place: TemplatePlace): TemplateError {
    const [problem = ''] = cause.message.split('\n');
    return new TemplateError(clip(problem === '' ? `${cause.name} without a message` : problem), {
      place,
      cause,
    });
  }

  /** Returns the same error with one more template that led to it. */
  calledFrom(caller: TemplateCaller): TemplateError {
    const { template, file, line, cause } = this;
    const place = template === undefined ? undefined : { template, file, line };
    return new TemplateError(this.problem, {
      ...(place === undefined ? {} : { place }),
      trace: [...this.trace, caller],
      cause,
    });
  }
}

function describe(
  problem: string,
  place: TemplatePlace | undefined,
  trace: readonly TemplateCaller[],
): string {
  const callers = trace
    .slice(0, MAX_CALLERS)
    .map((caller) => ` (${relationText(caller.relation)} ${shownPlace(caller)})`);
  if (trace.length > MAX_CALLERS) callers.push(` (and ${trace.length - MAX_CALLERS} more)`);
  const where = place === undefined ? '' : `${shownPlace(place)}: `;
  return `${where}${problem}${callers.join('')}`;
}

function relationText(relation: TemplateCaller['relation']): string {
  return relation === 'include' ? 'included from' : 'layout of';
}

function shownPlace({ template, line }: TemplatePlace): string {
  return line === undefined ? template : `${template}:${line}`;
}

function clip(text: string): string {
  return text.length > MAX_PROBLEM_CHARS ? `${text.slice(0, MAX_PROBLEM_CHARS)}…` : text;
}
