export * from '@landspout/http1/content-coding';
