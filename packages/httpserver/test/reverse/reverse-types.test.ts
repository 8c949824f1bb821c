import compression from 'compression';
import connect from 'connect';
import cookieParser from 'cookie-parser';
import cors from 'cors';
import express from 'express';
import session from 'express-session';
import helmet from 'helmet';
import { Hono } from 'hono';
import morgan from 'morgan';
import { describe, expect, it } from 'vitest';
import {
  FetchContainer,
  FetchServer,
  type ServeFetch,
  serve,
  toFetchHandler,
} from '../../src/fetch/index.ts';
import { NodeContainer, type NodeHandler, toNodeHandler } from '../../src/node/index.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';

// The compiler checks the types; what is passed is accepted when the objects are made.

describe('the types of toFetchHandler', () => {
  const handler = toFetchHandler(new RecordingDelegate());

  it('fit FetchContainer, serve, Hono and the environments of servers', () => {
    expect(new FetchContainer(handler)).toBeInstanceOf(FetchContainer);
    expect(new FetchServer({ fetch: handler, manual: true })).toBeInstanceOf(FetchServer);
    const fetch: ServeFetch = handler;
    const start = (): FetchServer => serve({ fetch });
    expect(start).toBeInstanceOf(Function);
    expect(new Hono().mount('/live', handler)).toBeInstanceOf(Hono);
    const called = (request: Request): unknown => [
      handler(request),
      handler(request, { remoteAddress: '127.0.0.1', remotePort: 1 }),
      handler(request, { incoming: { socket: {} } }),
    ];
    expect(called).toBeInstanceOf(Function);
  });

  it('fit applications of Hono in a FetchContainer', () => {
    expect(new FetchContainer(new Hono().fetch)).toBeInstanceOf(FetchContainer);
  });
});

describe('the types of NodeContainer', () => {
  it.each<[string, NodeHandler]>([
    ['an application of Express', express()],
    ['a router of Express', express.Router()],
    ['an application of Connect', connect()],
    ['compression', compression()],
    ['cookie-parser', cookieParser()],
    ['cors', cors()],
    ['express-session', session({ secret: 's', resave: false, saveUninitialized: false })],
    ['helmet', helmet()],
    ['morgan', morgan('tiny')],
    ['express.json', express.json()],
    [
      'a function of Express',
      (request: express.Request, response: express.Response) => response.send(request.ip),
    ],
    [
      'middleware of Express',
      (_request: express.Request, _response: express.Response, next: express.NextFunction) => next(),
    ],
  ])('accept %s', (_name, handler) => {
    expect(new NodeContainer(handler)).toBeInstanceOf(NodeContainer);
  });

  it('accept them as they are written', () => {
    const made = [
      new NodeContainer(express.Router()),
      new NodeContainer(compression()),
      new NodeContainer((request, response) => response.end(request.url)),
      new NodeContainer((request: express.Request, response: express.Response) => response.send(request.ip)),
    ];
    expect(made).toHaveLength(4);
  });
});

describe('the types of toNodeHandler', () => {
  it('fit Express and Connect', () => {
    const handler = toNodeHandler(new RecordingDelegate());
    expect(express().use('/live', handler)).toBeInstanceOf(Function);
    expect(connect().use('/live', handler)).toBeInstanceOf(Function);
  });
});
