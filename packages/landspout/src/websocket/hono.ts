export * from '@landspout/websocket/hono';
