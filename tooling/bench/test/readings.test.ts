import { describe, expect, it } from 'vitest';
import { parseCpuList } from '../machine.mjs';
import { helloOptions, profileOptions } from '../options.mjs';
import { chooseRows, referenceRow, serverEnvironment } from '../rows.mjs';
import { parseCpuTicks } from '../server.mjs';
import { compareWithDirection, median } from '../summary.mjs';
import { formatTable } from '../table.mjs';

describe('parseCpuList', () => {
  it('expands ranges and single cores', () => {
    expect(parseCpuList('0-2,5')).toEqual([0, 1, 2, 5]);
  });
});

describe('parseCpuTicks', () => {
  it('tells user from system time, whatever the name of the process holds', () => {
    expect(parseCpuTicks('7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 30 12 0 0 20 0')).toEqual({
      user: 30,
      system: 12,
    });
  });
});

describe('median', () => {
  it('is the middle value, or halfway between the two of them', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  });
});

describe('helloOptions', () => {
  it('has a default for everything', () => {
    const { rounds, seconds, connections, idle, rows, build } = helloOptions([]);
    expect({ rounds, seconds, connections, idle, rows, build }).toEqual({
      rounds: 3,
      seconds: 5,
      connections: 64,
      idle: 10_000,
      rows: undefined,
      build: true,
    });
  });

  it.each(['0', '1.5', 'x', '-1'])('refuses %j rounds', (rounds) => {
    expect(() => helloOptions([`--rounds=${rounds}`])).toThrow('at least 1');
  });
});

describe('profileOptions', () => {
  it('asks for exactly one row', () => {
    expect(() => profileOptions([])).toThrow('one row');
  });

  it('profiles what hello measures unless it is told a scene', () => {
    const scenes = [['web'], ['web', '--scene', '1 MiB up']].map((args) => profileOptions(args).scene);
    expect(scenes).toEqual([undefined, '1 MiB up']);
  });
});

describe('chooseRows', () => {
  it('keeps the order of the table', () => {
    expect(chooseRows(['fastify', 'floor']).map(({ id }) => id)).toEqual(['floor', 'fastify']);
  });

  it('names the rows there are when one is unknown', () => {
    expect(() => chooseRows(['wbe'])).toThrow('no row wbe; there are floor, httpserver, web,');
  });
});

describe('referenceRow', () => {
  it('is web, else the first that is not the floor', () => {
    expect([referenceRow(chooseRows()).id, referenceRow(chooseRows(['floor', 'fastify'])).id]).toEqual([
      'web',
      'fastify',
    ]);
  });

  it('refuses the floor alone, which has no answer of its own', () => {
    expect(() => referenceRow(chooseRows(['floor']))).toThrow('choose one more');
  });
});

describe('serverEnvironment', () => {
  it('chooses the backend by the row and never by the environment of the harness', () => {
    const backends = chooseRows(['web', 'web-portable', 'fastify']).map(serverEnvironment);
    expect(backends.map((env) => env.LANDSPOUT_BACKEND)).toEqual(['native', 'portable', undefined]);
  });
});

describe('compareWithDirection', () => {
  const row = (id: string, cpu: number, residentBytes = 0) => ({
    id,
    cpuUs: { median: cpu },
    idle: { residentBytes },
  });

  it('judges each direction by itself', () => {
    const verdicts = compareWithDirection([row('web', 10, 1600), row('floor', 5), row('fastify', 39)]);
    expect(verdicts.map(({ met }) => met)).toEqual([true, false, false]);
  });

  it('judges only what was measured', () => {
    expect(compareWithDirection([row('floor', 5), row('fastify', 39)])).toEqual([]);
  });
});

describe('formatTable', () => {
  it('aligns numbers to the right and names to the left', () => {
    expect(
      formatTable(
        ['', 'n', 'note'],
        [
          ['a', '10', 'x'],
          ['bcd', '9', 'y'],
        ],
      ),
    ).toBe(['      n  note', '---  --  ----', 'a    10  x', 'bcd   9  y'].join('\n'));
  });
});
