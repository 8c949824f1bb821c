export * from '@landspout/web/eta';
