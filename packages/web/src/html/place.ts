// The places of a template where values stand, and why some of them are refused.

/** The place of a value. */
export type Place =
  | { readonly kind: 'text' | 'script' }
  /** In an element whose text has character references but no tags. */
  | {
      readonly kind: 'rcdata';
      /** Whether the parser drops a line feed here, because a `<textarea>` starts. */
      readonly dropsLineFeed: boolean;
    }
  /** In the value of an attribute; `whole` if it is all of it, without quotation marks. */
  | { readonly kind: 'quoted' | 'whole' }
  | RefusedPlace;

export interface RefusedPlace {
  readonly kind: 'refused';
  /** Such as `in a comment`. */
  readonly where: string;
  readonly remedy: string;
}

function refused(where: string, remedy: string): RefusedPlace {
  return { kind: 'refused', where, remedy };
}

export const IN_END_TAG = refused('in an end tag', 'move it to the start tag');
export const IN_COMMENT = refused('in a comment', 'move it out of the comment');
export const IN_DECLARATION = refused('in a declaration', 'write the declaration without a value');
export const IN_TAG_NAME = refused(
  'in the name of a tag',
  'choose between two templates, or write "&lt;" for a "<" that is text',
);
export const IN_TAG = refused(
  'in a tag, outside the value of an attribute',
  `name the attribute, as in name=\${value}: true prints the name only, and false removes the attribute`,
);
export const IN_JSON_STRING = refused(
  'in a string of JSON',
  `write the whole string as a value, as in \${jsonScript(text)}`,
);
export const IN_CODE = refused(
  'in a script, after a quotation mark, a slash or "<!--"',
  `begin the script with the data, as in const data = \${jsonScript(value)};, or put it into a script of type ` +
    'application/json',
);

export const IN_FOREIGN_SCRIPT = refused(
  'in a <script> in <svg> or <math>, where browsers read it as markup',
  'move the script out of it',
);

export function inUnquoted(attribute: string): RefusedPlace {
  return refused(
    `in a part of the unquoted attribute ${attribute}`,
    `put the whole value in quotation marks, as in ${attribute}="…"`,
  );
}

export function inRawText(element: string): RefusedPlace {
  if (element === 'style')
    return refused('in a <style>', 'use a class, or the style attribute of an element');
  return refused(`in the element <${element}>`, 'its text cannot be escaped; use another element');
}

export function inRcdata(element: string): RefusedPlace {
  return refused(`after a "<" in a <${element}>`, `write "&lt;" for each "<" in a <${element}>`);
}

/** What browsers read differently in HTML, SVG and MathML, so that the places of the values after it are not known. */
export interface Ambiguity {
  readonly problem: string;
  readonly remedy: string;
}

export function selfClosing(element: string): Ambiguity {
  return {
    problem: `<${element}/> is complete in SVG and MathML, but not in HTML`,
    remedy: `write <${element}></${element}>`,
  };
}

export function foreignMarkup(element: string): Ambiguity {
  return {
    problem: `the text of a <${element}> in <svg> or <math> has a "<", which browsers read as markup there`,
    remedy: `write "&lt;", or move the <${element}> out of it`,
  };
}
