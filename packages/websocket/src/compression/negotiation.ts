import { type AcceptedDeflate, type DeflateAgreement, negotiateDeflate } from '../protocol/index.ts';
import type { CompressionSettings } from './compression-options.ts';
import { contextBytesOf } from './message-compression.ts';

/**
 * Chooses an offer of the client, as `negotiateDeflate` does. If the agreement has context takeover, its memory is
 * reserved in the pool; if the pool has none left, the agreement is one without context takeover.
 *
 * The memory is given back by `MessageCompression`, or by {@link releaseAgreement} if none is created.
 */
export function negotiateCompression(
  header: string | undefined,
  settings: CompressionSettings | undefined,
): AcceptedDeflate | undefined {
  if (settings === undefined || header === undefined) return undefined;
  const accepted = negotiateDeflate(header, settings);
  if (accepted === undefined || reserve(accepted.agreement, settings)) return accepted;
  return negotiateDeflate(header, { ...settings, contextTakeover: false });
}

/** Gives back the memory of an agreement that is not used. */
export function releaseAgreement(agreement: DeflateAgreement, { pool, memLevel }: CompressionSettings): void {
  pool.release(contextBytesOf(agreement, memLevel));
}

/**
 * What a client may offer. Context takeover is offered only if the pool has memory for it, which is reserved until
 * {@link settleOffer} is called.
 */
export function reserveOffer(settings: CompressionSettings): CompressionSettings {
  if (!settings.contextTakeover || reserve(mostAgreed(settings), settings)) return settings;
  return { ...settings, contextTakeover: false };
}

/**
 * Keeps only as much of the memory that {@link reserveOffer} has reserved as the agreement needs. A server that keeps its
 * context although none was offered needs memory that was not reserved.
 *
 * @returns false if the pool does not have that memory. Nothing is then reserved.
 */
export function settleOffer(offered: CompressionSettings, agreement: DeflateAgreement | undefined): boolean {
  const { pool, memLevel, contextTakeover } = offered;
  const needed = agreement === undefined ? 0 : contextBytesOf(agreement, memLevel);
  const reserved = contextTakeover ? contextBytesOf(mostAgreed(offered), memLevel) : 0;
  if (needed > reserved) return pool.reserveContext(needed - reserved);
  pool.release(reserved - needed);
  return true;
}

function reserve(agreement: DeflateAgreement, { pool, memLevel }: CompressionSettings): boolean {
  const bytes = contextBytesOf(agreement, memLevel);
  return bytes === 0 || pool.reserveContext(bytes);
}

/** The agreement with the most memory that can follow from an offer. */
function mostAgreed({ maxWindowBits, peerMaxWindowBits }: CompressionSettings): DeflateAgreement {
  return {
    sendWindowBits: maxWindowBits,
    receiveWindowBits: peerMaxWindowBits,
    sendTakeover: true,
    receiveTakeover: true,
  };
}
