export * from '@landspout/websocket/browser';
