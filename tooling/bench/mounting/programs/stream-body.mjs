// The body that both applications stream.

export const STREAM_TYPE = 'application/octet-stream';
export const CHUNKS = 16;
/** Bytes 0 to 255, over and over: a chunk that is lost or cut changes the body. */
export const CHUNK = Uint8Array.from({ length: 1024 }, (_, at) => at % 256);
