export function upgradeWebSocket(_request: Request): Response {
  throw new Error('not implemented');
}
