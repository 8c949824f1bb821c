/**
 * What is asked, and so what is answered. Scenes that ask the same have the same one.
 *
 * @typedef {object} Ask
 * @property {string} id
 * @property {boolean} [browser] - whether the head is as long as a browser's.
 * @property {number} [downBytes] - of the body of the answer, where it is not `Hello, world!`.
 * @property {number} [upBytes] - of the body of the request.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** @type {Readonly<Record<'hello' | 'crowd' | 'head' | 'down10K' | 'down1M' | 'up10K' | 'up1M', Ask>>} */
export const ASKS = {
  hello: { id: 'hello' },
  crowd: { id: 'crowd' },
  head: { id: 'head', browser: true },
  down10K: { id: 'down-10k', downBytes: 10 * KIB },
  down1M: { id: 'down-1m', downBytes: MIB },
  up10K: { id: 'up-10k', upBytes: 10 * KIB },
  up1M: { id: 'up-1m', upBytes: MIB },
};

/** Of the head that a browser sends, its empty line included. */
const BROWSER_HEAD_BYTES = 800;

/**
 * The bytes of a request, all of them ASCII.
 *
 * @param {Ask} ask @param {number} port - of the server, as its Host has it.
 */
export function requestText({ browser = false, upBytes = 0 }, port) {
  const host = `Host: 127.0.0.1:${port}\r\n`;
  if (browser) return browserHead(host);
  if (upBytes === 0) return `GET / HTTP/1.1\r\n${host}\r\n`;
  const about = `Content-Type: application/octet-stream\r\nContent-Length: ${upBytes}\r\n`;
  return `POST / HTTP/1.1\r\n${host}${about}\r\n${'x'.repeat(upBytes)}`;
}

/** What a browser sends to a page that it knows; its cookies fill what is left of the length. */
function browserHead(host) {
  const fields = [
    'Connection: keep-alive',
    'Cache-Control: max-age=0',
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
    'sec-ch-ua-mobile: ?0',
    'sec-ch-ua-platform: "Linux"',
    'Upgrade-Insecure-Requests: 1',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Sec-Fetch-Site: same-origin',
    'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-User: ?1',
    'Sec-Fetch-Dest: document',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  ];
  const head = `GET / HTTP/1.1\r\n${host}${fields.join('\r\n')}\r\nCookie: theme=dark; session=`;
  return `${head.padEnd(BROWSER_HEAD_BYTES - 4, '0123456789abcdef')}\r\n\r\n`;
}
