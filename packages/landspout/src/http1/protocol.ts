export * from '@landspout/http1/protocol';
