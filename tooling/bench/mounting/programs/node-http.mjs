// node:http with the Express application.
import { createServer } from 'node:http';
import { IDLE_TIMEOUT_MS, LISTEN, ready } from '../../program.mjs';
import { app } from './express-app.mjs';
import { withoutConnection } from './node-settings.mjs';

const server = withoutConnection(createServer({ keepAliveTimeout: IDLE_TIMEOUT_MS }, app));
server.listen(LISTEN, () => ready({ port: server.address().port, backend: 'node:http' }));
