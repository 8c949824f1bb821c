// How long messages waited for what they asked for, and the line that says so: rounded up to 10 us, at most 1 s.
#include "common.h"

enum { BUCKET_NS = 10000, BUCKETS = 100000 };

typedef struct {
  long long count, longest_ns;
  unsigned buckets[BUCKETS]; // how many took how long
} Waits;

static inline void add_wait(Waits *waits, long long ns) {
  long long bucket = ns / BUCKET_NS;
  waits->count++;
  waits->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  if (ns > waits->longest_ns) waits->longest_ns = ns;
}

static inline void add_waits(Waits *all, const Waits *some) {
  all->count += some->count;
  for (int bucket = 0; bucket < BUCKETS; bucket++) all->buckets[bucket] += some->buckets[bucket];
  if (some->longest_ns > all->longest_ns) all->longest_ns = some->longest_ns;
}

/** The time that a share of all messages did not exceed, in microseconds. */
static inline long long percentile_us(const Waits *waits, double share) {
  long long passed = 0;
  for (int bucket = 0; bucket < BUCKETS; bucket++) {
    passed += waits->buckets[bucket];
    if ((double)passed >= share * (double)waits->count) return (bucket + 1LL) * BUCKET_NS / 1000;
  }
  return BUCKETS * (BUCKET_NS / 1000LL);
}

static inline void say_done(long long count, long long wall_ns, const Waits *waits) {
  say("{\"count\":%lld,\"wallNs\":%lld,\"p50Us\":%lld,\"p99Us\":%lld,\"maxUs\":%lld}\n", count, wall_ns,
      percentile_us(waits, 0.5), percentile_us(waits, 0.99), waits->longest_ns / 1000);
}
