// Serves the MCP server of app.ts. Run: node mcp/main.ts [port] [folder of the journal].
import { JournalBackplane } from 'landspout';
import createMcp from './app.ts';

const [, , port = process.env.PORT ?? 8888, folder = 'mcp-journal'] = process.argv;
const backplane = await JournalBackplane.open({ folder });
const app = createMcp({ backplane });
const server = await app.listen({ port, host: '127.0.0.1' });
const { stopped } = server.stopOnSignals();
console.log(`listening on ${server.url}/mcp`);

await stopped;
await app.settings.topics.close();
await backplane.close();
