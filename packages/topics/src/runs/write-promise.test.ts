import { describe, expect, it } from 'vitest';
import { WritePromise } from './write-promise.ts';

const rejected = () => new WritePromise((_resolve, reject) => reject(new Error('refused')));

describe('WritePromise', () => {
  it('is observed by everything that waits for it', async () => {
    const waits: ((promise: WritePromise) => Promise<unknown>)[] = [
      async (promise) => await promise,
      async (promise) => promise,
      (promise) => promise.then(),
      (promise) => promise.finally(() => {}),
      (promise) => Promise.all([promise]),
      (promise) => Promise.race([promise]),
      (promise) => promise.catch((error) => Promise.reject(error)),
    ];
    for (const wait of waits) {
      const promise = rejected();
      await expect(wait(promise)).rejects.toThrow('refused');
      expect(promise.isObserved).toBe(true);
    }
  });

  it('is not observed by marking it as handled', async () => {
    const promise = rejected();
    promise.markHandled();
    await new Promise((resolve) => setImmediate(resolve));
    expect(promise.isObserved).toBe(false);
  });

  it('leads to ordinary promises', () => {
    const derived = new WritePromise((resolve) => resolve('x')).then();
    expect(derived).not.toBeInstanceOf(WritePromise);
  });
});
