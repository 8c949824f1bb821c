import type { IncomingMessage, ServerResponse } from 'node:http';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import * as openid from 'openid-client';
import { FormData as UndiciFormData } from 'undici';
import { describe, expect, it } from 'vitest';
import { fetchPeer, type Seen } from '../fixtures/fetch-peer.ts';
import { deferred, withClient, withNodeServer } from '../fixtures/servers.ts';

describe('toFetch, used by libraries', () => {
  it("sends undici's FormData", () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({}, async (client) => {
        const form = new UndiciFormData();
        form.append('a', '1');
        form.append('f', new Blob(['file'], { type: 'text/css' }), 'f.css');
        const response = await client.toFetch()(url, { method: 'POST', body: form as unknown as FormData });
        const seen = (await response.json()) as Seen;
        expect(seen.headers['content-type']).toBe('multipart/form-data; boundary=BOUNDARY');
        expect(seen.body).toContain('name="f"; filename="f.css"\r\nContent-Type: text/css\r\n\r\nfile\r\n');
      }),
    ));

  it('openid-client discovers a server and gets a token', () =>
    withNodeServer(provider, ({ url }) =>
      withClient({}, async (client) => {
        const config = await openid.discovery(new URL(url), 'me', 'secret', undefined, {
          execute: [openid.allowInsecureRequests],
          [openid.customFetch]: client.toFetch() as openid.CustomFetch,
        });
        expect(config.serverMetadata().issuer).toBe(url);
        const tokens = await openid.clientCredentialsGrant(config, { scope: 'read' });
        expect(tokens.access_token).toBe('token for read');
        await expect(openid.clientCredentialsGrant(config, { scope: 'none' })).rejects.toMatchObject({
          error: 'invalid_scope',
          status: 400,
        });
      }),
    ));

  it('the AI SDK generates text', () =>
    withNodeServer(completions({}), ({ url }) =>
      withClient({}, async (client) => {
        const models = createOpenAICompatible({ name: 'local', baseURL: url, fetch: client.toFetch() });
        const { text } = await generateText({ model: models('m'), prompt: 'hello', maxRetries: 0 });
        expect(text).toBe('hello to you');
      }),
    ));

  it('the AI SDK streams text as it arrives, and stops when it is aborted', async () => {
    const first = deferred();
    const closed = deferred();
    await withNodeServer(completions({ first: first.promise, closed: closed.resolve }), ({ url }) =>
      withClient({}, async (client) => {
        const models = createOpenAICompatible({ name: 'local', baseURL: url, fetch: client.toFetch() });
        const complete = streamText({ model: models('m'), prompt: 'hello', maxRetries: 0 });
        let text = '';
        for await (const part of complete.textStream) {
          // The server sends the rest only after the first part was read.
          first.resolve();
          text += part;
        }
        expect(text).toBe('hello to you');
        const controller = new AbortController();
        const aborted = streamText({
          model: models('endless'),
          prompt: 'hello',
          maxRetries: 0,
          abortSignal: controller.signal,
        });
        for await (const _ of aborted.textStream) controller.abort();
        await closed.promise;
      }),
    );
  });

  it('the AI SDK gets the error of a server', () =>
    withNodeServer(
      (_, response) =>
        response
          .writeHead(429, { 'Content-Type': 'application/json' })
          .end('{"error":{"message":"slow down"}}'),
      ({ url }) =>
        withClient({}, async (client) => {
          const models = createOpenAICompatible({ name: 'local', baseURL: url, fetch: client.toFetch() });
          const failure = generateText({ model: models('m'), prompt: 'hello', maxRetries: 0 });
          await expect(failure).rejects.toMatchObject({ statusCode: 429, message: 'slow down' });
        }),
    ));
});

/** An OpenID provider that grants tokens for all scopes but `none`. */
function provider(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const issuer = `http://${request.headers.host}`;
    const fields = new URLSearchParams(Buffer.concat(chunks).toString());
    response.setHeader('Content-Type', 'application/json');
    if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token` }));
    } else if (fields.get('scope') === 'none') {
      response.writeHead(400).end(JSON.stringify({ error: 'invalid_scope' }));
    } else {
      const token = `token for ${fields.get('scope')}`;
      response.end(JSON.stringify({ access_token: token, token_type: 'bearer', expires_in: 60 }));
    }
  });
}

/** Completions in the format of OpenAI; streamed ones pause after the first part, those of `endless` have no end. */
function completions({
  first,
  closed,
}: {
  readonly first?: Promise<void>;
  readonly closed?: () => void;
}): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const { model, stream } = JSON.parse(Buffer.concat(chunks).toString());
      const common = { id: '1', created: 1, model };
      if (stream !== true) {
        response.setHeader('Content-Type', 'application/json');
        const message = { role: 'assistant', content: 'hello to you' };
        const choices = [{ index: 0, message, finish_reason: 'stop' }];
        response.end(JSON.stringify({ ...common, object: 'chat.completion', choices }));
        return;
      }
      response.setHeader('Content-Type', 'text/event-stream');
      const part = (content: string, finish: string | null = null): string => {
        const choices = [{ index: 0, delta: { role: 'assistant', content }, finish_reason: finish }];
        return `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices })}\n\n`;
      };
      response.write(part('hello'));
      response.on('close', () => {
        if (model === 'endless') closed?.();
      });
      if (model === 'endless') return;
      await first;
      response.end(`${part(' to you', 'stop')}data: [DONE]\n\n`);
    });
  };
}
