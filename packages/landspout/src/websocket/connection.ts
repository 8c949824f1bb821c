export * from '@landspout/websocket/connection';
