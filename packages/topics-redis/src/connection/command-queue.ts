import { BackplaneError } from '@landspout/topics';
import type { Call } from './call.ts';
import { failureOf, linkClosed, replyCode, unavailable } from './link-errors.ts';
import type { ServerConnection } from './server-connection.ts';
import { WireCommand } from './wire-command.ts';

/** Decides where calls go. */
export interface Routes {
  /** Returns the connection for a call, or why there is none at present. */
  routeOf(call: Call): Route | BackplaneError;
  /**
   * Called with an error reply that says that the call was not executed where it was sent.
   *
   * @returns how to go on: a promise that resolves when the call can be sent again; undefined: the call fails.
   */
  repair(refusal: Refusal): Promise<void> | undefined;
}

/** Where one call goes. */
export interface Route {
  readonly connection: ServerConnection;
  /** Whether ASKING precedes the command: its slot is being moved to this server. */
  readonly isAsking?: boolean;
}

/** A call that a server has not executed. */
export interface Refusal {
  readonly call: Call;
  /** The first word of the reply. */
  readonly code: string;
  /** The whole reply. */
  readonly message: string;
  readonly connection: ServerConnection;
}

/** How often a call is sent again, as the specification of Redis Cluster proposes for redirections. */
const MAX_ATTEMPTS = 16;

/** Calls with one hash tag that wait. */
interface Lane {
  inFlight: number;
  /** Those that had no effect, and are sent again when no other is in flight. */
  readonly refused: Call[];
  /** Those that came after a refused one. */
  readonly held: Call[];
  /** Where calls are in flight. Later ones follow them there, even if the keys are said to be elsewhere meanwhile. */
  connection: ServerConnection | undefined;
  /** The number of the latest call that may have had an effect. */
  lastDone: number;
  /** What has to happen before the refused calls are sent again. */
  readonly repairs: Promise<void>[];
}

/**
 * Sends calls, many at a time, so that those with one hash tag take effect in their order. A call that had no effect
 * because the server has forgotten the script, or no longer has the keys, is sent again. Calls that follow it wait; if
 * one of them was executed already, it fails instead.
 */
export class CommandQueue {
  readonly #routes: Routes;
  readonly #lanes = new Map<string, Lane>();
  #isClosed = false;

  constructor(routes: Routes) {
    this.#routes = routes;
  }

  add(call: Call): void {
    const lane = this.#lanes.get(call.tag) ?? {
      inFlight: 0,
      refused: [],
      held: [],
      connection: undefined,
      lastDone: -1,
      repairs: [],
    };
    if (this.#isClosed) call.reject(linkClosed());
    else if (lane.refused.length > 0) lane.held.push(call);
    else this.#send(call, lane);
  }

  /** Rejects the calls that wait here. Those in flight reject when their connection ends. */
  close(): void {
    this.#isClosed = true;
    for (const { refused, held } of this.#lanes.values()) {
      for (const call of [...refused.splice(0), ...held.splice(0)]) call.reject(linkClosed());
    }
  }

  #send(call: Call, lane: Lane): void {
    const { connection } = lane;
    const isBusy = lane.inFlight > 0 && connection?.isRetired === false;
    const route = isBusy && call.redirectedTo === undefined ? { connection } : this.#routes.routeOf(call);
    if (route instanceof BackplaneError) call.reject(route);
    else this.#sendOn(route, call, lane);
  }

  #sendOn({ connection, isAsking = false }: Route, call: Call, lane: Lane): void {
    if (!isAsking) lane.connection = connection;
    if (isAsking) connection.send(new WireCommand(['ASKING'])).catch(() => {}); // the call fails too
    const { scripts } = connection;
    const sha1 = call.script?.sha1;
    const isKnown = sha1 !== undefined && scripts.has(sha1);
    const command = call.command(isKnown);
    // What is sent after this command finds the script. If the server forgets scripts, that is certain after the reply: a
    // refused call must not be followed by one that sends the script, and that by one of its own lane.
    if (sha1 !== undefined && !connection.hasForgotten) scripts.add(sha1);
    lane.inFlight += 1;
    this.#lanes.set(call.tag, lane);
    connection.send(command).then(
      (reply) => {
        if (sha1 !== undefined && !isKnown) scripts.add(sha1);
        lane.lastDone = Math.max(lane.lastDone, call.sequence);
        call.resolve(reply);
        this.#settled(call.tag, lane);
      },
      (error) => {
        this.#failed(call, lane, connection, command, error);
        this.#settled(call.tag, lane);
      },
    );
  }

  #failed(call: Call, lane: Lane, connection: ServerConnection, command: WireCommand, error: Error): void {
    if (this.#canRepair(call, lane, connection, error)) {
      call.attempts += 1;
      lane.refused.push(call);
      return;
    }
    const { operation, script } = call;
    const [wasSent, isScript] = [command.mayBeSent, script !== undefined];
    const { address } = connection;
    const failure =
      this.#isClosed && !wasSent ? linkClosed() : failureOf({ operation, address, wasSent, isScript }, error);
    if (failure.code === 'ERR_TOPICS_OUTCOME_UNKNOWN') lane.lastDone = Math.max(lane.lastDone, call.sequence);
    call.reject(failure);
  }

  /** Whether an error is the reply to a call that had no effect, and that can be sent again. */
  #canRepair(call: Call, lane: Lane, connection: ServerConnection, error: Error): boolean {
    const code = replyCode(error);
    if (code === undefined || call.attempts >= MAX_ATTEMPTS || this.#isClosed) return false;
    if (code === 'NOSCRIPT') {
      connection.scripts.clear();
      connection.hasForgotten = true;
      return true;
    }
    const repair = this.#routes.repair({ call, code, message: error.message, connection });
    if (repair !== undefined) lane.repairs.push(repair);
    return repair !== undefined;
  }

  #settled(tag: string, lane: Lane): void {
    lane.inFlight -= 1;
    if (lane.inFlight > 0) return;
    if (lane.refused.length === 0) this.#lanes.delete(tag);
    else if (lane.repairs.length === 0) this.#sendAgain(tag, lane);
    else void Promise.all(lane.repairs.splice(0)).then(() => this.#sendAgain(tag, lane));
  }

  #sendAgain(tag: string, lane: Lane): void {
    const calls = [...lane.refused.splice(0), ...lane.held.splice(0)];
    const { lastDone } = lane;
    for (const call of calls) {
      if (call.sequence > lastDone) this.#send(call, lane);
      else
        call.reject(
          unavailable(
            `Redis did not execute ${call.operation}, but a later call for the same keys; try again`,
          ),
        );
    }
    if (lane.inFlight === 0) this.#lanes.delete(tag);
  }
}
