export * from '@landspout/ioloop/inspection';
