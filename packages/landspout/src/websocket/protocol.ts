export * from '@landspout/websocket/protocol';
