// Stands for a language model: makes up a long text about anything. The same question always gets the same text, so that
// a restarted process can go on in the middle, as a model would from the text that it has written so far.

const PARAGRAPHS = 6;
const SENTENCES = 3;

const OPENINGS = [
  'In short,',
  'Looked at closely,',
  'At first sight,',
  'On a calm day,',
  'Seen from above,',
  'As every sailor knows,',
  'After a while,',
  'To begin with,',
];
const SUBJECTS = [
  'the whole matter',
  'a column of spinning air',
  'the water near the shore',
  'an old lighthouse keeper',
  'the shape of the coast',
  'a patient observer',
  'the second question',
  'a cloud over warm water',
  'the simple explanation',
];
const VERBS = [
  'begins with',
  'depends on',
  'leads back to',
  'is held together by',
  'has more to do with',
  'is easily confused with',
  'slowly turns into',
  'leaves room for',
];
const OBJECTS = [
  'a difference in temperature',
  'what happened the day before',
  'a long row of small steps',
  'the patience of those who wait',
  'the speed of the wind',
  'a map that was drawn by hand',
  'things that nobody has counted',
  'a very ordinary cup of tea',
  'the point where two currents meet',
];
const ENDINGS = [
  'and that is usually enough.',
  'which explains the rest.',
  'although opinions differ.',
  'at least until the tide turns.',
  'and nothing is lost on the way.',
  'as anyone can try at home.',
  'so it is worth a second look.',
  'and then it starts again.',
];

/** Returns the pieces of a made-up response, a word each; joined, they are the text. */
export function madeUpText(question: string): string[] {
  const random = seededRandom(question);
  const oneOf = (texts: readonly string[]) => texts[Math.floor(random() * texts.length)] as string;
  const sentence = () =>
    [oneOf(OPENINGS), oneOf(SUBJECTS), oneOf(VERBS), `${oneOf(OBJECTS)},`, oneOf(ENDINGS)].join(' ');
  const paragraphs = Array.from({ length: PARAGRAPHS }, () =>
    Array.from({ length: SENTENCES }, sentence).join(' '),
  );
  const first = 'This text is made up word by word: no language model was asked.';
  return [first, ...paragraphs].join('\n\n').split(/(?<=\s)(?=\S)/);
}

/** Numbers from 0 up to, but not including, 1, which depend on a text only (FNV-1a, then mulberry32). */
function seededRandom(text: string): () => number {
  let state = 0x811c9dc5;
  for (const character of text) state = Math.imul(state ^ (character.codePointAt(0) as number), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
