// An HTTPS server and a client that trusts its certificate. Create the key and the certificate, then: node https.ts [port]
// openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem
import { AsyncHTTPClient, HTTPServer } from 'landspout';

const server = new HTTPServer((request) => request.respond(200, `${request.protocol}, ${request.method}\n`), {
  tls: { certFile: 'cert.pem', keyFile: 'key.pem' },
});
const port = process.argv[2] ?? process.env.PORT ?? 8888;
await server.listen({ port, host: '127.0.0.1' });

const client = new AsyncHTTPClient({ defaults: { tls: { caFile: 'cert.pem' } } });
const response = await client.fetch(server.url);
console.log(`received: ${response.status} ${response.text().trim()}`);
await client.close();

console.log(`listening on ${server.url}; try curl --cacert cert.pem ${server.url}`);
