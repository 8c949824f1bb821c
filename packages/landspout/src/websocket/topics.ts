export * from '@landspout/websocket/topics';
