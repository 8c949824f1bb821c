export * from '@landspout/websocket/fetch';
