/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether `text` is an RFC 9110 token. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The members of a comma-separated header (RFC 9110 §5.6.1). Empty members are legal and left out. */
export function splitList(value: string): string[] {
  const members: string[] = [];
  for (const part of value.split(',')) {
    const member = trimBlanks(part);
    if (member !== '') members.push(member);
  }
  return members;
}

/** Whether a list has `member`, whatever the case of its letters. */
export function listHas(value: string | undefined, member: string): boolean {
  if (value === undefined) return false;
  return splitList(value).some((each) => each.toLowerCase() === member);
}

/** Only SP and HTAB are blanks on the wire; `trim` would take a no-break space as well. Linear in any input. */
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
