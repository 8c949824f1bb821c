export * from '@landspout/topics';
