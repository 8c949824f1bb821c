export * from '@landspout/websocket/web-socket';
