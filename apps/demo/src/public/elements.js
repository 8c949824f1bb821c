/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** Not randomUUID, which browsers offer on secure pages only: the demo may be open to the local network. */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Reads what this tab has stored across reloads. @param {string} key @returns {unknown} */
export function stored(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null');
  } catch {
    return null; // the browser stores nothing
  }
}

/** @param {string} key @param {unknown} value */
export function store(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // The browser stores nothing; the page forgets this on a reload.
  }
}

/** What the server compares with its cookie, so that no other site can send the request. */
export function xsrfToken() {
  return /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? '';
}
