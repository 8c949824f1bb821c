export * from '@landspout/web/topics';
