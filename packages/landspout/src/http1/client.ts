export * from '@landspout/http1/client';
