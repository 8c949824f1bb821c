// What the rows over node:http set to send the header fields of all rows.

/** Sends no Connection and thus no Keep-Alive: HTTP/1.1 stays persistent. @param {import('node:http').Server} server */
export function withoutConnection(server) {
  return server.prependListener('request', (_request, response) => response.removeHeader('Connection'));
}
