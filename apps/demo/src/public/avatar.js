/** Initials on a coloured disc. The same name has the same colour on every screen. */

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** @param {string} name @returns {HTMLElement} */
export function avatar(name) {
  const element = document.createElement('span');
  element.className = 'avatar';
  element.setAttribute('aria-hidden', 'true'); // the name is shown next to it
  element.style.setProperty('--hue', String(hue(name)));
  element.textContent = initials(name);
  return element;
}

/** @param {string} name */
export function hue(name) {
  let hash = 0x811c9dc5; // FNV-1a: short, and similar names get different colours
  for (const character of name.toLowerCase()) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash % 360;
}

/** @param {string} name */
function initials(name) {
  const words = name.split(' ');
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : [name];
  return chosen.map((word) => firstCharacter(word ?? '').toUpperCase()).join('');
}

/** @param {string} word */
function firstCharacter(word) {
  for (const { segment } of characters.segment(word)) return segment;
  return '';
}
