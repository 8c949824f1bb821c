export * from '@landspout/http1/server';
