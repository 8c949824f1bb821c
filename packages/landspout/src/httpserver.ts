export * from '@landspout/httpserver';
