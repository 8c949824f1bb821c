export * from '@landspout/web/linkify';
