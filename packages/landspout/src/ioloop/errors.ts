export * from '@landspout/ioloop/errors';
