// What an error page for developers says about an error, independent of its form.

import { type DescribedError, describeErrors } from './described-error.ts';
import { excerptOf, type SourceExcerpt } from './source-excerpt.ts';
import { SourceFiles } from './source-files.ts';
import { SourceMaps } from './source-maps.ts';
import { ownerOf, parseFrames, pathOf, type StackFrame } from './stack-frames.ts';

/** A frame of the original source, and the lines around it if they could be read. */
export interface ReportedFrame extends StackFrame {
  /** Only for frames of the program. */
  readonly excerpt: SourceExcerpt | undefined;
}

export interface ReportedError extends Omit<DescribedError, 'stack' | 'place'> {
  readonly frames: readonly ReportedFrame[];
  /** Lines of the template or module that the error itself names. */
  readonly excerpt: SourceExcerpt | undefined;
}

/** The largest number of excerpts in one report. */
const MAX_EXCERPTS = 20;

/**
 * Describes an error with its causes, the frames of their stacks and excerpts of the source. Frames of compiled files
 * become those of the files that they were compiled from, if there is a source map. Reads files synchronously: only
 * source files, templates and source maps, of limited number and size. Never throws.
 */
export function reportError(error: unknown): ReportedError[] {
  const files = new SourceFiles();
  const maps = new SourceMaps(files);
  let left = MAX_EXCERPTS;

  const count = (excerpt: SourceExcerpt | undefined): SourceExcerpt | undefined => {
    if (excerpt !== undefined) left -= 1;
    return excerpt;
  };

  const reportFrame = (frame: StackFrame): ReportedFrame => {
    // Bundled dependencies are in a file of the program, and dependencies may have maps of their own.
    const isMapped = frame.owner === 'program' && frame.line > 0;
    const original = isMapped ? maps.originalOf(frame.file, frame.line, frame.column) : undefined;
    if (original === undefined) {
      const source = frame.owner === 'program' && left > 0 ? files.source(frame.file) : undefined;
      const excerpt =
        source === undefined ? undefined : excerptOf(frame.file, source, frame.line, frame.column);
      return { ...frame, excerpt: count(excerpt) };
    }
    const { file, line, column, content } = original;
    // A name such as `webpack://…` belongs to the program as the compiled file does.
    const found = ownerOf(file);
    const owner = found === 'unknown' ? 'program' : found;
    const source = content === undefined ? files.source(file) : { text: content, isNewer: false };
    const isShown = owner === 'program' && left > 0 && source !== undefined;
    const excerpt = isShown ? excerptOf(file, source, line, column) : undefined;
    return { functionName: frame.functionName, file, line, column, owner, excerpt: count(excerpt) };
  };

  const reportPlace = ({ place }: DescribedError): SourceExcerpt | undefined => {
    if (place === undefined || left <= 0) return undefined;
    const file = pathOf(place.file);
    const source = place.isTemplate ? files.template(file) : files.source(file);
    return source === undefined ? undefined : count(excerptOf(file, source, place.line, 0));
  };

  return describeErrors(error).map((described) => {
    const { relation, name, code, message, stack } = described;
    const excerpt = reportPlace(described);
    return { relation, name, code, message, excerpt, frames: parseFrames(stack).map(reportFrame) };
  });
}
