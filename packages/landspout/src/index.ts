/**
 * Landspout: Tornado's stack for TypeScript on Node.js. This package has every layer; one subpath leads to each,
 * such as `landspout/iostream`.
 *
 * @packageDocumentation
 */

export * from '@landspout/http1';
export * from '@landspout/httpclient';
export * from '@landspout/httpserver';
export * from '@landspout/ioloop';
export * from '@landspout/iostream';
export * from '@landspout/web';
export * from '@landspout/websocket';
