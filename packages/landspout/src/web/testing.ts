export * from '@landspout/web/testing';
