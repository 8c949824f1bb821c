import { validateHeaderName, validateHeaderValue } from 'node:http';
import { HTTPHeaders } from '@landspout/http1';
import { isConnectionField } from '@landspout/http1/protocol';

/** The headers of a response, and what they say about the connection and the framing, which are not passed on. */
export interface ResponseFields {
  readonly headers: HTTPHeaders;
  /** Whether `Connection: close` was set. */
  readonly close: boolean;
  /** Whether `Transfer-Encoding: chunked` was set. */
  readonly chunked: boolean;
}

/** How many fields a caller of `_storeHeader` passes, in the forms that Node has for them. */
type FieldValue = string | number | readonly (string | number)[];
export type OutHeaders = Readonly<Record<string, readonly [name: string, value: FieldValue]>>;

/**
 * Collects the fields of a response. Those of the connection, which it sets itself, are left out.
 */
export class FieldCollector implements ResponseFields {
  readonly headers = new HTTPHeaders();
  close = false;
  chunked = false;

  /** Fields that `setHeader` has checked. */
  addChecked(fields: OutHeaders): void {
    for (const key in fields) {
      const [name, value] = fields[key] as readonly [string, FieldValue];
      this.#add(name, value);
    }
  }

  /**
   * Fields that are not checked yet: a record, a list of names and values, or a list of pairs.
   *
   * @throws Node's errors, such as `ERR_INVALID_CHAR`, if a name or value is invalid.
   */
  addUnchecked(fields: unknown): void {
    if (typeof fields !== 'object' || fields === null) return;
    if (!Array.isArray(fields)) {
      for (const [name, value] of Object.entries(fields)) this.#check(name, value as FieldValue);
    } else if (Array.isArray(fields[0])) {
      for (const [name, value] of fields as [string, FieldValue][]) this.#check(name, value);
    } else {
      for (let at = 0; at < fields.length; at += 2) this.#check(fields[at] as string, fields[at + 1]);
    }
  }

  #check(name: string, value: FieldValue): void {
    validateHeaderName(name);
    if (Array.isArray(value)) for (const one of value) validateHeaderValue(name, one);
    else validateHeaderValue(name, value as string);
    this.#add(name, value);
  }

  #add(name: string, value: FieldValue): void {
    if (this.#isOfConnection(name, value)) return;
    if (typeof value === 'string') this.headers.add(name, value);
    else if (Array.isArray(value)) for (const one of value) this.headers.add(name, String(one));
    else this.headers.add(name, String(value));
  }

  #isOfConnection(name: string, value: FieldValue): boolean {
    if (!isConnectionField(name)) return false;
    const key = name.toLowerCase();
    if (key === 'connection') this.close ||= /(?:^|\W)close(?:$|\W)/i.test(String(value));
    else if (key === 'transfer-encoding') this.chunked ||= /chunked/i.test(String(value));
    return true;
  }
}
