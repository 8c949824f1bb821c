import type { MetricType } from '../registry/metric-names.ts';
import type { Across, MetricFamily, MetricPoint } from '../registry/snapshot.ts';

/** Changes with the format. A process that reads another version ignores the message. */
const VERSION = 1;

/** What a parent and a child say to each other. */
export type Message =
  /** To a child: send what you have counted. */
  | { readonly kind: 'collect'; readonly id: number }
  /** From a child: what it has counted; `id` is that of `collect`, or 0 without being asked. */
  | { readonly kind: 'snapshot'; readonly id: number; readonly families: readonly MetricFamily[] }
  /** From a child: send what all processes have counted. */
  | { readonly kind: 'gather'; readonly id: number }
  /** To a child: the reply to `gather`. */
  | { readonly kind: 'gathered'; readonly id: number; readonly families: readonly MetricFamily[] }
  /** To a child: the reply to `gather` if it failed. */
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string };

/** JSON has no numbers that are not finite, so these are texts. */
type WireNumber = number | string;
type WireFamily = readonly [
  name: string,
  type: MetricType,
  help: string,
  labelNames: readonly string[],
  across: Across,
  buckets: readonly number[],
  maxSeries: number,
  /** Null if the values could not be read. */
  points: readonly (readonly [labels: readonly string[], values: readonly WireNumber[]])[] | null,
];

interface WireMessage {
  readonly v: number;
  readonly kind: Message['kind'];
  readonly id: number;
  readonly reason?: string;
  readonly families?: readonly WireFamily[];
}

export function encodeMessage(message: Message): Uint8Array {
  const wire: WireMessage = {
    v: VERSION,
    kind: message.kind,
    id: message.id,
    ...('reason' in message ? { reason: message.reason } : {}),
    ...('families' in message ? { families: message.families.map(wireFamily) } : {}),
  };
  return Buffer.from(JSON.stringify(wire));
}

/** @returns undefined for a message of another version. @throws SyntaxError for bytes that are no message. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const { v, kind, id, reason = '', families = [] } = JSON.parse(text) as WireMessage;
  if (v !== VERSION) return undefined;
  switch (kind) {
    case 'collect':
    case 'gather':
      return { kind, id };
    case 'snapshot':
    case 'gathered':
      return { kind, id, families: families.map(familyOf) };
    case 'failed':
      return { kind, id, reason };
    default:
      return undefined;
  }
}

function wireFamily(family: MetricFamily): WireFamily {
  const { name, type, help, labelNames, across, buckets, maxSeries, hasFailed = false, points } = family;
  const wirePoints = points.map(
    ({ labels, values }) =>
      [labels, values.map((value) => (Number.isFinite(value) ? value : String(value)))] as const,
  );
  return [name, type, help, labelNames, across, buckets, maxSeries, hasFailed ? null : wirePoints];
}

function familyOf(wire: WireFamily): MetricFamily {
  const [name, type, help, labelNames, across, buckets, maxSeries, wirePoints] = wire;
  const family = { name, type, help, labelNames, across, buckets, maxSeries };
  if (wirePoints === null) return { ...family, hasFailed: true, points: [] };
  const points: MetricPoint[] = wirePoints.map(([labels, values]) => ({
    labels,
    values: values.map(Number),
  }));
  return { ...family, points };
}
