export * from '@landspout/iostream';
