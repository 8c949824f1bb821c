// Serves the blog of app.ts. Run: node blog/main.ts [port], then open the URL that it prints.
import createBlog from './app.ts';

const app = await createBlog();
const server = await app.listen({ port: process.argv[2] ?? process.env.PORT ?? 8888, host: '127.0.0.1' });
server.stopOnSignals();
console.log(`listening on ${server.url}`);
