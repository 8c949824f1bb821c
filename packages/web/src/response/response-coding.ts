import type { HTTPHeaders } from '@landspout/http1';
import type { BodyEncoder, ContentCoding, EncodedBodySink } from '@landspout/http1/content-coding';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { chooseContentCoding } from './accept-encoding.ts';
import type { CompressionSettings } from './compression/compression-settings.ts';
import { addVary, encodedEntityTag, mayCompress } from './compression/encoded-response.ts';
import { listsEntityTag } from './conditional.ts';
import type { UnsentBody } from './unsent-body.ts';

/**
 * Whether a Content-Length that the handler has set is right. If it is not, or nothing is known yet because the body is
 * streamed, the plain body is sent, whose length the connection checks.
 */
function isAsAnnounced({ presentHeaders, unsent }: CodedResponse, isWhole: boolean): boolean {
  const announced = presentHeaders.get('Content-Length');
  return announced === undefined || (isWhole && Number(announced) === unsent.byteLength);
}

/** What the response of a {@link ResponseCoding} looks like at the moment. */
export interface CodedResponse {
  readonly status: number;
  readonly headers: HTTPHeaders;
  /** The headers, which may be shared with other responses. */
  readonly presentHeaders: HTTPHeaders;
  readonly unsent: UnsentBody;
}

/**
 * The content coding of one response (RFC 9110 §8.4): chooses it, sets the headers that go with it, and compresses the
 * body.
 */
export class ResponseCoding {
  readonly #settings: CompressionSettings;
  readonly #request: HTTPServerRequest;
  #coding: ContentCoding | undefined = undefined;
  /** Whether another request for the same resource may get another coding. */
  #varies = false;
  /** The entity tag of the plain body, which was replaced. */
  #plainTag: string | undefined = undefined;

  constructor(settings: CompressionSettings, request: HTTPServerRequest) {
    this.#settings = settings;
    this.#request = request;
  }

  get coding(): ContentCoding | undefined {
    return this.#coding;
  }

  /**
   * Chooses for the response as it is, and replaces its entity tag. May be called again after the response has changed.
   *
   * @param isWhole - whether the unsent body is all of it.
   */
  choose(response: CodedResponse, isWhole: boolean): void {
    const settings = this.#settings;
    const isFit =
      mayCompress(response.status, this.#request.method, response.presentHeaders, settings) &&
      (!isWhole || response.unsent.hasAtLeast(settings.minBytes)) &&
      isAsAnnounced(response, isWhole);
    // A range of the plain body varies as the whole does.
    this.#varies ||= isFit;
    const { headers } = this.#request;
    // Ranges of a coded body would not fit together.
    const isCoded = isFit && !headers.has('Range');
    const chosen = isCoded
      ? chooseContentCoding(headers.get('Accept-Encoding'), settings.codings)
      : undefined;
    this.#use(chosen === 'identity' ? undefined : chosen, response);
    if (this.#clientHasPlain(response)) this.#use(undefined, response);
  }

  /** Whether the client has the plain form of this version, but not the coded one: a 304 for that is enough. */
  #clientHasPlain({ presentHeaders }: CodedResponse): boolean {
    if (this.#coding === undefined || this.#plainTag === undefined) return false;
    const field = this.#request.headers.get('If-None-Match');
    if (field === undefined || !listsEntityTag(field, this.#plainTag)) return false;
    return !listsEntityTag(field, presentHeaders.get('ETag') ?? '');
  }

  /** Chooses no coding, and restores the entity tag. */
  decline(response: CodedResponse): void {
    this.#varies = false;
    this.#use(undefined, response);
  }

  /** Sets the headers of the choice, just before they are sent. */
  applyTo(response: CodedResponse): void {
    if (!this.#varies) return;
    addVary(response.headers);
    if (this.#coding === undefined || response.status === 304) return;
    response.headers.set('Content-Encoding', this.#coding);
    // They describe the plain body.
    response.headers.delete('Content-Length');
    response.headers.delete('Accept-Ranges');
  }

  /** Encodes a whole body. @returns undefined if there is no coding, or the body is large. */
  encodeWhole(body: UnsentBody): Uint8Array | undefined {
    const settings = this.#settings;
    if (this.#coding === undefined || body.hasAtLeast(settings.maxSyncBytes + 1)) return undefined;
    return settings.encode(this.#coding, body.take());
  }

  /**
   * Opens the encoder of a body that is sent in pieces. Call it before {@link applyTo}: if too many bodies are being
   * encoded, there is no coding.
   *
   * @returns undefined if there is no coding; `'none'` if there is one, but the method is HEAD, so that no body follows.
   */
  open(response: CodedResponse, sink: EncodedBodySink): BodyEncoder | 'none' | undefined {
    if (this.#coding === undefined) return undefined;
    if (this.#request.method === 'HEAD') return 'none';
    const encoder = this.#settings.tryOpen(this.#coding, sink, response.unsent.byteLength);
    if (encoder === undefined) this.#use(undefined, response);
    return encoder;
  }

  #use(coding: ContentCoding | undefined, response: CodedResponse): void {
    const before = this.#coding;
    const tag = response.presentHeaders.get('ETag');
    const isOurs =
      before !== undefined &&
      this.#plainTag !== undefined &&
      tag === encodedEntityTag(this.#plainTag, before);
    const plainTag = isOurs ? this.#plainTag : tag;
    this.#coding = coding;
    this.#plainTag = plainTag;
    const wanted =
      plainTag === undefined || coding === undefined ? plainTag : encodedEntityTag(plainTag, coding);
    if (wanted !== undefined && wanted !== tag) response.headers.set('ETag', wanted);
  }
}
