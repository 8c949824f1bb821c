export * from '@landspout/iostream/compliance';
