export * from '@landspout/httpclient/connecting';
