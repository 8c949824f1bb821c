export * from '@landspout/iostream/transports';
