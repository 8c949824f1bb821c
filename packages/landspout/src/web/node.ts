export * from '@landspout/web/node';
