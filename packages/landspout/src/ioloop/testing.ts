export * from '@landspout/ioloop/testing';
