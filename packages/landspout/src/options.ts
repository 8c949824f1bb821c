export * from '@landspout/options';
