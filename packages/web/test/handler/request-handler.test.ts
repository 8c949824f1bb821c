import { describe, expect, it } from 'vitest';
import { Finish, HTTPError, RequestHandler } from '../../src/index.ts';
import {
  ask,
  bodyOf,
  converse,
  headerOf,
  requestText,
  statusesOf,
  statusOf,
} from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

/** Records the calls, in order. */
const calls: string[] = [];

class Recorder extends RequestHandler {
  override setDefaultHeaders(): void {
    calls.push('setDefaultHeaders');
    this.setHeader('X-Default', 'yes');
  }

  override initialize(): void {
    calls.push('initialize');
  }

  override prepare(): void {
    calls.push(`prepare ${JSON.stringify(this.pathParams)}`);
  }

  override get(): void {
    calls.push('get');
    this.write('text');
  }

  override async post(): Promise<void> {
    calls.push('post');
    await Promise.resolve();
    this.write(this.request.body as Buffer);
    calls.push('posted');
  }

  override onFinish(): void {
    calls.push(`onFinish ${this.finished}`);
  }
}

class AsyncPrepare extends Recorder {
  override async prepare(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    calls.push('prepared');
  }
}

describe('RequestHandler', () => {
  it('is called in order, and finished by itself [RH-01] [RH-03]', () =>
    withApp([['/:x', Recorder]], async ({ port }) => {
      calls.length = 0;
      const answer = await ask(port, '/1');
      expect(calls).toEqual(['setDefaultHeaders', 'initialize', 'prepare {"x":"1"}', 'get', 'onFinish true']);
      expect(headerOf(answer, 'X-Default')).toBe('yes');
      expect(bodyOf(answer)).toBe('text');
    }));

  it('waits for prepare and for the verb [RH-01]', () =>
    withApp([['/:x', AsyncPrepare]], async ({ port }) => {
      calls.length = 0;
      const post = 'POST /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody';
      expect(bodyOf(await converse(port, post))).toBe('body');
      expect(calls).toEqual([
        'setDefaultHeaders',
        'initialize',
        'prepared',
        'post',
        'posted',
        'onFinish true',
      ]);
    }));

  it('keeps answers in order when a later handler is quicker', () =>
    withApp(
      [
        ['/slow', AsyncPrepare],
        ['/:x', Recorder],
      ],
      async ({ port }) => {
        const requests = [
          requestText('/slow'),
          requestText('/1'),
          requestText('/2', 'HEAD', 'Connection: close'),
        ];
        const answers = await converse(port, ...requests);
        expect(statusesOf(answers)).toEqual([200, 200, 200]);
      },
    ));

  it('does not run the verb when prepare has answered [RH-01]', () => {
    class Answered extends Recorder {
      override prepare(): void {
        this.finish('early');
      }
    }
    return withApp([['/:x', Answered]], async ({ port }) => {
      calls.length = 0;
      expect(bodyOf(await ask(port, '/1'))).toBe('early');
      expect(calls).toEqual(['setDefaultHeaders', 'initialize', 'onFinish true']);
    });
  });

  it('does not run the verb when prepare has failed, at once or later', () => {
    class Refused extends Recorder {
      override prepare(): void | Promise<void> {
        if (this.pathParams.x === 'sync') throw new HTTPError(403);
        return Promise.reject(new HTTPError(401, undefined, { headers: { 'WWW-Authenticate': 'Basic' } }));
      }
    }
    return withApp([['/:x', Refused]], async ({ port, log }) => {
      calls.length = 0;
      expect(statusOf(await ask(port, '/sync'))).toBe(403);
      const answer = await ask(port, '/async');
      expect([statusOf(answer), headerOf(answer, 'WWW-Authenticate')]).toEqual([401, 'Basic']);
      expect(calls.filter((call) => call === 'get')).toEqual([]);
      expect(calls.filter((call) => call === 'onFinish true')).toHaveLength(2);
      expect(log.records).toEqual([]);
    });
  });

  it('answers 405 with Allow to a verb that is not defined [RH-02]', () =>
    withApp([['/:x', Recorder]], async ({ port }) => {
      for (const method of ['PUT', 'DELETE', 'PATCH', 'BREW', 'get', 'WRITE', '__PROTO__', 'FINISH']) {
        const answer = await ask(port, '/1', method);
        expect([method, statusOf(answer), headerOf(answer, 'Allow')]).toEqual([
          method,
          405,
          'GET, HEAD, POST, OPTIONS',
        ]);
      }
    }));

  it('answers OPTIONS with the methods that are defined, unless there is an options method [RH-02]', () => {
    class Own extends Recorder {
      override options(): void {
        this.write('own');
      }
    }
    return withApp(
      [
        ['/own/:x', Own],
        ['/:x', Recorder],
      ],
      async ({ port }) => {
        const answer = await ask(port, '/1', 'OPTIONS');
        expect([statusOf(answer), headerOf(answer, 'Allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
        expect(bodyOf(await ask(port, '/own/1', 'OPTIONS'))).toBe('own');
      },
    );
  });

  it('answers further methods that a subclass lists [RH-02]', () => {
    class Dav extends RequestHandler {
      static override readonly supportedMethods = [...RequestHandler.supportedMethods, 'PROPFIND'];

      propfind(): void {
        this.write('found');
      }
    }
    return withApp([['/', Dav]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/', 'PROPFIND'))).toBe('found');
      expect(headerOf(await ask(port, '/'), 'Allow')).toBe('OPTIONS, PROPFIND');
    });
  });

  it('answers any method with all that has no method of its own [RH-02]', () => {
    class Any extends RequestHandler {
      override post(): void {
        this.write('post');
      }
      override all(...args: string[]): void {
        this.write(`${this.request.method} ${args}`);
      }
    }
    return withApp([[/\/(\d)/, Any]], async ({ port }) => {
      for (const method of ['GET', 'OPTIONS', 'PROPFIND', 'FINISH', 'get', 'constructor'])
        expect(bodyOf(await ask(port, '/1', method))).toBe(`${method} 1`);
      expect(bodyOf(await ask(port, '/1', 'POST'))).toBe('post');
      const head = await ask(port, '/1', 'HEAD');
      expect([statusOf(head), headerOf(head, 'Content-Length'), bodyOf(head)]).toEqual([200, '6', '']);
    });
  });

  it('answers HEAD with get, without the body, unless there is a head [RH-02] [ATT-15]', () => {
    class Both extends RequestHandler {
      override head(): void {
        this.setHeader('X-Head', 'own');
      }
      override get(): void {
        this.write('text');
      }
    }
    return withApp(
      [
        ['/get/:x', Recorder],
        ['/both', Both],
      ],
      async ({ port }) => {
        const answers = await converse(
          port,
          requestText('/get/1', 'HEAD'),
          requestText('/get/2', 'GET', 'Connection: close'),
        );
        expect(statusesOf(answers)).toEqual([200, 200]);
        expect(headerOf(answers, 'Content-Length')).toBe('4');
        expect(answers.match(/text$/g)).toHaveLength(1);
        expect(answers.indexOf('text\r\n')).toBe(-1);
        expect(headerOf(await ask(port, '/both', 'HEAD'), 'X-Head')).toBe('own');
      },
    );
  });

  it('ends with what there is when Finish is thrown, here or in prepare [OUT-07]', () => {
    class Leaves extends RequestHandler {
      override get(): void {
        this.setStatus(202);
        this.setHeader('X-Kept', '1');
        this.write('so ');
        throw new Finish('far');
      }
      override async post(): Promise<void> {
        await Promise.resolve();
        throw new Finish();
      }
    }
    return withApp([['/', Leaves]], async ({ port, log }) => {
      const answer = await ask(port, '/');
      expect([statusOf(answer), headerOf(answer, 'X-Kept'), bodyOf(answer)]).toEqual([202, '1', 'so far']);
      expect(statusOf(await ask(port, '/', 'POST'))).toBe(200);
      expect(log.records).toEqual([]);
    });
  });

  it('answers 500 when it cannot even be made, and the server goes on', () => {
    class Served extends RequestHandler {
      override get(): void {}
    }
    class Broken extends Served {
      readonly broken = ((): never => {
        throw new Error('no handler');
      })();
    }
    class BadDefaults extends Served {
      override setDefaultHeaders(): void {
        throw new Error('no defaults');
      }
    }
    return withApp(
      [
        ['/', Broken],
        ['/defaults', BadDefaults],
      ],
      async ({ port, log }) => {
        expect(
          statusesOf(await converse(port, requestText('/'), requestText('/', 'GET', 'Connection: close'))),
        ).toEqual([500, 500]);
        expect(statusOf(await ask(port, '/defaults'))).toBe(500);
        expect(log.records.map(({ level }) => level)).toContain('error');
      },
    );
  });

  it('reports an error of onFinish without harm to the answer', () => {
    class Late extends RequestHandler {
      override get(): void {}
      override onFinish(): void {
        throw new Error('too late');
      }
    }
    return withApp([['/', Late]], async ({ port, log }) => {
      expect(
        statusesOf(await converse(port, requestText('/'), requestText('/', 'GET', 'Connection: close'))),
      ).toEqual([200, 200]);
      expect(log.records).toHaveLength(2);
    });
  });
});
