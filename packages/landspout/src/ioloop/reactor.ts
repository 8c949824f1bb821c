export * from '@landspout/ioloop/reactor';
