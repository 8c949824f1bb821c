// What turns text into another form: HTML, URLs, JSON inside HTML. Does not know requests or responses.

const SPECIAL = /[&<>"']/;

/**
 * Escapes text for HTML: `&`, `<`, `>`, `"` and `'` become character references. The result is safe as text and as the
 * value of a quoted attribute that holds neither a URL nor a script. Text with none of them is returned as it is.
 */
export function escapeHtml(text: string): string {
  return SPECIAL.test(text) ? escaped(text) : text;
}

function escaped(text: string): string {
  let result = '';
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const reference = referenceOf(text.charCodeAt(at));
    if (reference === undefined) continue;
    result += text.slice(start, at) + reference;
    start = at + 1;
  }
  return result + text.slice(start);
}

function referenceOf(unit: number): string | undefined {
  switch (unit) {
    case 0x26:
      return '&amp;';
    case 0x3c:
      return '&lt;';
    case 0x3e:
      return '&gt;';
    case 0x22:
      return '&quot;';
    case 0x27:
      return '&#39;';
    default:
      return undefined;
  }
}
