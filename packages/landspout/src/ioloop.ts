export * from '@landspout/ioloop';
