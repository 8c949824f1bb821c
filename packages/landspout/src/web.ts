export * from '@landspout/web';
