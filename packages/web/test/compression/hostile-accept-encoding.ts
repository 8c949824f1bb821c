const LENGTH = 60_000;

/** Accept-Encoding headers of about 60,000 characters, which a client can send within the default limits of a server. */
export const HOSTILE_ACCEPT_ENCODINGS: readonly { readonly name: string; readonly value: string }[] = [
  { name: 'the same coding again and again', value: repeated('gzip, ') },
  { name: 'codings that do not exist', value: numbered((n) => `coding-${n}, `) },
  { name: 'weights of codings', value: numbered((n) => `gzip;q=0.${n % 1000}, `) },
  { name: 'one long name', value: repeated('g') },
  { name: 'one long weight', value: `gzip;q=0.${repeated('0')}` },
  { name: 'one long parameter', value: `gzip;${repeated('q=1;')}` },
  { name: 'blanks', value: `gzip${repeated(' ')}, br` },
  { name: 'blanks between commas', value: repeated(' ,\t') },
  { name: 'commas', value: repeated(',') },
  { name: 'semicolons', value: repeated(';') },
  { name: 'asterisks', value: repeated('*,') },
  { name: 'prefixes of x-gzip', value: repeated('x-gzi,') },
  { name: 'quotes that are not closed', value: repeated('"gzip, ') },
  { name: 'names of object members', value: repeated('__proto__, constructor, ') },
  { name: 'latin1', value: repeated('gzip\u00a0,\u00ff;q=\u00b9, ') },
  { name: 'an exclusion at the end', value: `${repeated('gzip, ')}gzip;q=0` },
];

function repeated(text: string): string {
  return text.repeat(Math.ceil(LENGTH / text.length)).slice(0, LENGTH);
}

function numbered(member: (n: number) => string): string {
  let value = '';
  for (let n = 0; value.length < LENGTH; n += 1) value += member(n);
  return value.slice(0, LENGTH);
}
