// The files of a folder, with types, ETags, ranges, and compressed files such as app.js.br beside app.js. Names that
// start with a dot are refused.
// Run: node static-files.ts [port] [folder]; the default is the folder where it is started.
import { Application, StaticFileHandler } from 'landspout';

const [, , port = process.env.PORT ?? 8888, folder = '.'] = process.argv;
const app = new Application([['/*path', StaticFileHandler, { path: folder, defaultFilename: 'index.html' }]]);
const server = await app.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
