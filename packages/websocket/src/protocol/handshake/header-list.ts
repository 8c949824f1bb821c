/** A token (RFC 9110 §5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether `text` is an RFC 9110 token. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Splits a comma-separated header (RFC 9110 §5.6.1). Empty members are allowed, and omitted from the result. */
export function splitList(value: string): string[] {
  const members: string[] = [];
  for (const part of value.split(',')) {
    const member = trimBlanks(part);
    if (member !== '') members.push(member);
  }
  return members;
}

/** Whether a list contains `member`, which must be in lower case; the case in the list does not matter. */
export function listHas(value: string | undefined, member: string): boolean {
  if (value === undefined) return false;
  return splitList(value).some((each) => each.toLowerCase() === member);
}

/**
 * Removes SP and HTAB at both ends, the only characters that are white space in a header; `trim` would also remove, for
 * example, a no-break space. Takes linear time for any input.
 */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09;
}
