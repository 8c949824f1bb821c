export * from '@landspout/websocket';
