// Serves the chat of app.ts. Run: node chat/main.ts [port], then open the URL that it prints.
import createChat from './app.ts';

const app = createChat();
const server = await app.listen({ port: process.argv[2] ?? process.env.PORT ?? 8888, host: '127.0.0.1' });
server.stopOnSignals();
console.log(`listening on ${server.url}`);
