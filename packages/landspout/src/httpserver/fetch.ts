export * from '@landspout/httpserver/fetch';
