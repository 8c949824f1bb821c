import { randomUUID } from 'node:crypto';
import { HTTPError, RequestHandler } from 'landspout';
import type { Topics } from 'landspout/topics';
import { createSignedValue, decodeSignedValue } from 'landspout/web';
import { cleanName, firstCharacters, nameKey } from './plain-text.ts';
import { ROOMS, roomTopic } from './rooms.ts';

/** Visible characters of a name. */
const NAME_CHARACTERS = 24;
/** What a pass is signed for. */
const PASS = 'visitor';

/** A person in a room. */
export interface Visitor {
  readonly id: string;
  readonly name: string;
}

/** Gives visitors their names, and passes with which they come back as the same visitor. */
export class Visitors {
  readonly #topics: Topics;
  readonly #secret: string;

  /** @param secret - signs the passes. */
  constructor(topics: Topics, secret: string) {
    this.#topics = topics;
    this.#secret = secret;
  }

  /**
   * Admits a visitor.
   *
   * @param oldPass - of an earlier visit, whose id the visitor keeps.
   * @returns undefined if the name cannot be used.
   */
  async admit(name: string, oldPass: string | undefined): Promise<(Visitor & { pass: string }) | undefined> {
    const clean = cleanName(name, NAME_CHARACTERS);
    if (clean === undefined) return undefined;
    const id = this.read(oldPass)?.id ?? randomUUID();
    const visitor = { id, name: await this.#freeName(clean, id) };
    return { ...visitor, pass: createSignedValue(this.#secret, PASS, JSON.stringify(visitor)) };
  }

  /** Returns the visitor of a pass, or undefined if it is missing or not ours. */
  read(pass: string | undefined): Visitor | undefined {
    const json = decodeSignedValue(this.#secret, PASS, pass);
    return json === undefined ? undefined : JSON.parse(json);
  }

  async #freeName(name: string, id: string): Promise<string> {
    const taken = new Set<string>();
    for (const room of ROOMS) {
      for (const { member, meta } of await this.#topics.topic(roomTopic(room.id)).members()) {
        if (member !== id) taken.add(nameKey((meta as { readonly name: string }).name));
      }
    }
    if (!taken.has(nameKey(name))) return name;
    for (let count = 2; ; count += 1) {
      const suffix = ` ${count}`;
      const candidate = firstCharacters(name, NAME_CHARACTERS - suffix.length).trim() + suffix;
      if (!taken.has(nameKey(candidate))) return candidate; // the loop ends: there are fewer visitors than numbers
    }
  }
}

/** POST of `{"name":…,"pass":…?}`: admits a visitor. */
export class VisitorsHandler extends RequestHandler {
  #visitors!: Visitors;

  override initialize(init: { readonly visitors: Visitors }): void {
    this.#visitors = init.visitors;
  }

  override async post(): Promise<void> {
    const { name, pass } = (this.getJsonBody() ?? {}) as { readonly name?: unknown; readonly pass?: unknown };
    if (typeof name !== 'string') throw new HTTPError(400);
    const admitted = await this.#visitors.admit(name, typeof pass === 'string' ? pass : undefined);
    if (admitted === undefined) {
      this.setStatus(422);
      this.write({ problem: `A name has 1 to ${NAME_CHARACTERS} characters.` });
    } else this.write(admitted);
  }
}
