export * from '@landspout/httpclient';
