export * from '@landspout/http1';
