export * from '@landspout/httpserver/node';
