export * from '@landspout/ioloop/executors';
