export * from '@landspout/httpclient/testing';
