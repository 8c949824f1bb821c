export * from '@landspout/ioloop/logging';
