import type { ForeignClient, ForeignServer } from './foreign-end.ts';
import { nodeClient, nodeServer } from './node-end.ts';
import { opensslClient, opensslServer } from './openssl-end.ts';
import { pythonClient, pythonServer } from './python-end.ts';

export const FOREIGN_CLIENTS: Readonly<Record<string, ForeignClient>> = {
  openssl: opensslClient,
  'node:tls': nodeClient,
  python: pythonClient,
};

export const FOREIGN_SERVERS: Readonly<Record<string, ForeignServer>> = {
  openssl: opensslServer,
  'node:tls': nodeServer,
  python: pythonServer,
};
