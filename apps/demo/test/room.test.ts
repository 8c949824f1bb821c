import { describe, expect, it } from 'vitest';
import type { Letter } from '../src/chat/letter.ts';
import type { ServerMessage } from '../src/chat/protocol.ts';
import { type Line, Room, type RoomOptions, type Seat } from '../src/chat/room.ts';

/** Stands in for a page: records what it was sent. */
class Page implements Line {
  readonly received: ServerMessage[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly seat: Seat | undefined;

  constructor(room: Room) {
    this.seat = room.enter(this);
  }

  send(letter: Letter): void {
    this.received.push(JSON.parse(letter.json));
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  sends(message: unknown): this {
    this.seat?.receive(JSON.stringify(message));
    return this;
  }

  joins(name: string, more: object = {}): this {
    sessions += 1;
    return this.sends({ type: 'join', name, session: `session-of-a-page-${sessions}`, ...more });
  }

  says(text: string): this {
    return this.sends({ type: 'say', text });
  }

  last<Type extends ServerMessage['type']>(type: Type): (ServerMessage & { type: Type }) | undefined {
    return this.received.filter((message) => message.type === type).at(-1) as
      | (ServerMessage & { type: Type })
      | undefined;
  }

  get texts(): string[] {
    return this.received.flatMap((message) => {
      if (message.type === 'welcome') return message.messages.map(({ text }) => text);
      return message.type === 'message' ? [message.message.text] : [];
    });
  }

  get name(): string | undefined {
    return this.last('welcome')?.you.name;
  }
}

let sessions = 0;

function roomAt(clock: { ms: number }, options: RoomOptions = {}): Room {
  return new Room({ now: () => clock.ms, burstMessages: 1_000, ...options });
}

const visitorNames = (page: Page) => page.last('welcome')?.visitors.map(({ name }) => name);

describe('Room', () => {
  it('sends a message to everybody, its author too, with the time and a number', () => {
    const room = roomAt({ ms: 1_700_000_000_000 });
    const ada = new Page(room).joins('Ada');
    const bo = new Page(room).joins('Bo');
    ada.says('hello');
    const expected = {
      type: 'message',
      message: { number: 1, from: ada.last('welcome')?.you, text: 'hello', at: 1_700_000_000_000 },
    };
    expect(ada.last('message')).toEqual(expected);
    expect(bo.last('message')).toEqual(expected);
  });

  it('tells who is there, who comes and who leaves', () => {
    const room = new Room();
    const ada = new Page(room).joins('Ada');
    const bo = new Page(room).joins('Bo');
    expect(visitorNames(bo)).toEqual(['Ada', 'Bo']);
    expect(ada.last('joined')?.visitor.name).toBe('Bo');
    bo.seat?.leave();
    bo.seat?.leave();
    expect(ada.received.filter(({ type }) => type === 'left')).toEqual([
      { type: 'left', visitor: bo.last('welcome')?.you },
    ]);
    expect(room.visitors.map(({ name }) => name)).toEqual(['Ada']);
  });

  it('shows nothing to a connection that has not said its name', () => {
    const room = new Room();
    const lurker = new Page(room);
    new Page(room).joins('Ada').says('hello');
    expect(lurker.received).toEqual([]);
  });

  it('gives late comers the history, and only its last messages', () => {
    const room = roomAt({ ms: 0 }, { historyMessages: 3 });
    const ada = new Page(room).joins('Ada');
    for (const text of ['1', '2', '3', '4', '5']) ada.says(text);
    expect(new Page(room).joins('Bo').texts).toEqual(['3', '4', '5']);
  });

  it('sends a page that comes back only what it missed', () => {
    const room = roomAt({ ms: 0 });
    const ada = new Page(room).joins('Ada').says('1').says('2');
    const back = new Page(room).joins('Bo', { resume: { room: room.id, after: 1 } });
    expect(back.texts).toEqual(['2']);
    ada.says('3');
    expect(back.texts).toEqual(['2', '3']);
  });

  it('sends the whole history to a page that comes from another room', () => {
    const room = roomAt({ ms: 0 });
    new Page(room).joins('Ada').says('1').says('2');
    expect(new Page(room).joins('Bo', { resume: { room: 'gone', after: 2 } }).texts).toEqual(['1', '2']);
  });

  it('lets a page take its visitor over to a new connection, without a word to the others', () => {
    const room = roomAt({ ms: 0 });
    const session = 'a secret of the page';
    const witness = new Page(room).joins('Witness');
    const old = new Page(room).joins('Ada', { session });
    const again = new Page(room).joins('Ada', { session });
    expect(again.last('welcome')?.you).toEqual(old.last('welcome')?.you);
    expect(old.closed?.code).toBe(1008);
    old.says('from the grave');
    old.seat?.leave();
    expect(witness.received.map(({ type }) => type)).toEqual(['welcome', 'joined']);
    expect(room.visitors).toHaveLength(2);
  });

  it('gives each visitor a name of their own, also where names only look the same', () => {
    const room = new Room({ nameCharacters: 6 });
    const names = ['Ada', 'ada', 'A\u200dda', 'Ａｄａ', 'Abcdef', 'Abcdef'].map(
      (name) => new Page(room).joins(name).name,
    );
    expect(names).toEqual(['Ada', 'ada 2', 'A\u200dda 3', 'Ａｄａ 4', 'Abcdef', 'Abcd 2']);
  });

  it.each([
    ['  Ada \n\t Lovelace ', 'Ada Lovelace'],
    ['A\u0000d\u001ba', 'Ada'],
    ['\u202eadA', 'adA'],
    ['a\ud800b', 'ab'],
    ['👍🏽'.repeat(24), '👍🏽'.repeat(24)],
    ['<b>Ada</b>', '<b>Ada</b>'],
  ])('takes the name %j as %j', (name, expected) => {
    expect(new Page(new Room()).joins(name).name).toBe(expected);
  });

  it.each(['', '   ', '\u200b\u2060', '\u0000', '\u3164', 'a'.repeat(25), `a${'\u0301'.repeat(300)}`])(
    'refuses the name %j and lets the page try again',
    (name) => {
      const page = new Page(new Room()).joins(name);
      expect(page.received).toEqual([
        { type: 'refused', what: 'name', reason: expect.stringContaining('24') },
      ]);
      expect(page.joins('Ada').name).toBe('Ada');
    },
  );

  it('keeps markup and line ends of a message and drops controls', () => {
    const page = new Page(new Room()).joins('Ada').says(' <img src=x>\r\nsecond\u0007\u202e line ');
    expect(page.texts).toEqual(['<img src=x>\nsecond line']);
  });

  it.each([
    ['', 'nothing to read'],
    [' \n\u200b', 'nothing to read'],
    ['a'.repeat(2_001), '2000'],
  ])('refuses a message that is empty or too long, and sends it to nobody', (text, reason) => {
    const page = new Page(new Room()).joins('Ada').says(text);
    expect(page.last('refused')).toEqual({
      type: 'refused',
      what: 'text',
      reason: expect.stringContaining(reason),
    });
    expect(page.texts).toEqual([]);
    expect(page.closed).toBeUndefined();
  });

  it('lets a burst through, then holds the pace', () => {
    const clock = { ms: 0 };
    const page = new Page(roomAt(clock, { burstMessages: 2, messagesPerSecond: 2 })).joins('Ada');
    page.says('1').says('2').says('too soon');
    expect(page.texts).toEqual(['1', '2']);
    expect(page.last('refused')?.what).toBe('text');
    clock.ms = 500;
    page.says('3').says('too soon');
    expect(page.texts).toEqual(['1', '2', '3']);
  });

  it('turns away who comes to a full room, and has the seat again when somebody leaves', () => {
    const room = new Room({ visitors: 2 });
    const [first] = [new Page(room).joins('Ada'), new Page(room)];
    const third = new Page(room);
    expect(third.seat).toBeUndefined();
    expect(third.closed).toEqual({ code: 1013, reason: 'the room is full' });
    first?.seat?.leave();
    expect(new Page(room).joins('Bo').name).toBe('Bo');
  });

  it.each([
    'no JSON',
    'null',
    '[]',
    '{"type":"say","text":"before joining"}',
    '{"type":"say"}',
    '{"type":"dance"}',
    '{"type":"join","name":"Ada"}',
    '{"type":"join","name":"Ada","session":"short"}',
    '{"type":"join","name":7,"session":"0123456789abcdef"}',
    '{"type":"join","name":"Ada","session":"0123456789abcdef","resume":{"room":"r","after":-1}}',
    '{"type":"join","name":"Ada","session":"0123456789abcdef","resume":{"room":"r"}}',
    Buffer.from('{"type":"join","name":"Ada","session":"0123456789abcdef"}'),
  ])('closes the line of a program that sends %s', (message) => {
    const page = new Page(new Room());
    page.seat?.receive(message);
    expect(page.closed?.code).toBe(1008);
    expect(page.received).toEqual([]);
  });

  it('closes the line of a page that joins twice', () => {
    expect(new Page(new Room()).joins('Ada').joins('Bo').closed?.code).toBe(1008);
  });
});
