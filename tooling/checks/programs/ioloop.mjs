// Runs the loop by itself: a timer fires, a wait ends, and a coded error is told by its code.
import assert from 'node:assert/strict';
import { IOLoop } from '@landspout/ioloop';
import { CodedError } from '@landspout/ioloop/errors';

const loop = IOLoop.current();
const answer = await loop.run(() => new Promise((resolve) => loop.callLater(1, resolve, 42)));
assert.equal(answer, 42);

const refusal = await loop.run(() => new Promise(() => undefined), { timeoutMs: 5 }).catch((error) => error);
assert.ok(refusal instanceof CodedError);
assert.equal(refusal.code, 'ERR_LOOP_TIMEOUT');
console.log(`${loop.backend} backend`);
