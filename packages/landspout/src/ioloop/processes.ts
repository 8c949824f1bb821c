export * from '@landspout/ioloop/processes';
