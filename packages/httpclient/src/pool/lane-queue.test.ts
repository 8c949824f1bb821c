import { describe, expect, it } from 'vitest';
import { Lane, LaneQueue, type PoolRequest } from './lane-queue.ts';
import type { Origin } from './origin.ts';

/** A request that only has its place in the order of arrival. */
function requestOf(arrival: number): PoolRequest {
  return { arrival, before: undefined, after: undefined } as PoolRequest;
}

function laneOf(...arrivals: readonly number[]): Lane {
  const lane = new Lane({ key: `lane ${arrivals.join()}` } as Origin);
  for (const arrival of arrivals) lane.add(requestOf(arrival));
  return lane;
}

/** Takes all lanes out of a queue, and returns when the first request of each arrived. */
function drained(queue: LaneQueue): (number | undefined)[] {
  const order: (number | undefined)[] = [];
  for (let { first } = queue; first !== undefined; first = queue.first) {
    order.push(first.first?.arrival);
    queue.remove(first);
  }
  return order;
}

/** A generator of pseudo-random numbers from 0 up to `limit` (mulberry32), so that a failure can be repeated. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

describe('Lane', () => {
  it('keeps requests in the order of arrival, and lets any of them leave', () => {
    const lane = new Lane({ key: 'a' } as Origin);
    const [one, two, three] = [requestOf(1), requestOf(2), requestOf(3)] as const;
    for (const request of [one, two, three]) lane.add(request);
    expect(lane.first).toBe(one);
    lane.remove(two);
    expect(lane.first).toBe(one);
    lane.remove(one);
    expect(lane.first).toBe(three);
    lane.add(two);
    lane.remove(three);
    expect(lane.first).toBe(two);
    lane.remove(two);
    expect(lane.first).toBeUndefined();
    expect([two.before, two.after]).toEqual([undefined, undefined]);
  });
});

describe('LaneQueue', () => {
  it('gives the lane whose first request arrived first', () => {
    const queue = new LaneQueue();
    expect(queue.first).toBeUndefined();
    for (const arrivals of [[5, 6], [2, 9], [7], [1], [4, 8], [3]]) queue.add(laneOf(...arrivals));
    expect(drained(queue)).toEqual([1, 2, 3, 4, 5, 7]);
  });

  it('adds a lane once, and removes only what is in it', () => {
    const queue = new LaneQueue();
    const lane = laneOf(1);
    queue.add(lane);
    queue.add(lane);
    queue.remove(lane);
    queue.remove(lane);
    queue.changed(lane);
    expect(queue.first).toBeUndefined();
    expect(lane.queueIndex).toBe(-1);
  });

  it('moves a lane whose first request has changed', () => {
    const queue = new LaneQueue();
    const lanes = [laneOf(1, 10), laneOf(2), laneOf(3)] as const;
    for (const lane of lanes) queue.add(lane);
    lanes[0].remove(lanes[0].first as PoolRequest);
    queue.changed(lanes[0]);
    expect(drained(queue)).toEqual([2, 3, 10]);
  });

  it.each([1, 2, 3, 4, 5])('agrees with a sorted list in a random schedule (seed %i)', (seed) => {
    const random = randomOf(seed);
    const queue = new LaneQueue();
    const lanes: Lane[] = [];
    let arrival = 0;
    for (let step = 0; step < 3_000; step += 1) {
      const lane = lanes[random(lanes.length + 1)];
      switch (random(4)) {
        case 0:
          lanes.push(laneOf());
          break;
        case 1:
          if (lane === undefined) break;
          lane.add(requestOf(arrival++));
          queue.add(lane);
          break;
        case 2:
          if (lane?.first === undefined) break;
          lane.remove(lane.first);
          if (lane.first === undefined) queue.remove(lane);
          else queue.changed(lane);
          break;
        default:
          if (lane !== undefined) queue.remove(lane);
          // Lanes that were taken out come back only when a request is added.
          break;
      }
      const waiting = lanes.filter(({ queueIndex }) => queueIndex !== -1);
      const firsts = waiting.map(({ first }) => first?.arrival ?? Number.POSITIVE_INFINITY);
      expect(queue.first?.first?.arrival).toBe(firsts.length === 0 ? undefined : Math.min(...firsts));
    }
    const order = drained(queue) as number[];
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });
});
