export * from '@landspout/topics/compliance';
