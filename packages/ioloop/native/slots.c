/* The table of descriptors that this environment owns, and the calls that add and remove descriptors. */
#include "tls.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 64, MOST_SLOTS = 1 << 28 };

static bool slots_grow(State *state) {
  if (state->capacity >= MOST_SLOTS) return false;
  int32_t capacity = state->capacity == 0 ? FIRST_CAPACITY : state->capacity * 2;
  Slot *slots = realloc(state->slots, (size_t)capacity * sizeof *slots);
  if (slots == NULL) return false;
  for (int32_t index = state->capacity; index < capacity; index++) {
    slots[index] = (Slot){.fd = -1, .poller = index + 1 < capacity ? index + 1 : -1};
  }
  state->first_free = state->capacity;
  state->slots = slots;
  state->capacity = capacity;
  return true;
}

int32_t slot_take(State *state, int fd, uint32_t flags) {
  if (state->ending) return -ESHUTDOWN;
  if (state->first_free == -1 && !slots_grow(state)) return -ENOMEM;
  int32_t index = state->first_free;
  Slot *slot = &state->slots[index];
  state->first_free = slot->poller;
  slot->generation = slot->generation == INT32_MAX ? 1 : slot->generation + 1;
  slot->fd = fd;
  slot->poller = -1;
  slot->flags = flags;
  slot->tls = NULL;
  state->live++;
  return index;
}

int32_t slot_take_or_close(State *state, int fd, uint32_t flags) {
  int32_t index = slot_take(state, fd, flags);
  if (index < 0) close(fd);
  return index;
}

void slot_free(State *state, int32_t index) {
  Slot *slot = &state->slots[index];
  if (slot->tls != NULL) tls_free(slot->tls);
  slot->tls = NULL;
  slot->fd = -1;
  slot->poller = state->first_free;
  state->first_free = index;
  state->live--;
}

bool slot_is_live(const State *state, int32_t index, int32_t generation) {
  if (index < 0 || index >= state->capacity) return false;
  const Slot *slot = &state->slots[index];
  return slot->fd != -1 && slot->generation == generation;
}

void slots_close_all(State *state) {
  for (int pollers = 0; pollers <= 1; pollers++) { /* pollers last: the others must leave them first */
    for (int32_t index = 0; index < state->capacity; index++) {
      Slot *slot = &state->slots[index];
      if (slot->fd == -1 || ((slot->flags & SLOT_POLLER) != 0) != (pollers == 1)) continue;
      poller_forget(state, index);
      close(slot->fd);
      slot_free(state, index);
    }
  }
}

static int64_t generation_of(Call *call) {
  int64_t index;
  if (!read_integer(call, 0, 0, INT32_MAX, "slot", &index)) return THROWN;
  if (index >= call->state->capacity || call->state->slots[index].fd == -1) {
    napi_throw_error(call->env, "ERR_REACTOR_BAD_SLOT", "generation: the slot is not live");
    return THROWN;
  }
  return call->state->slots[index].generation;
}

static int64_t live_slots(Call *call) { return call->state->live; }

static int64_t adopt(Call *call) {
  int64_t fd;
  bool non_blocking;
  if (!read_integer(call, 0, 0, INT_MAX, "fd", &fd)) return THROWN;
  if (napi_get_value_bool(call->env, call->argv[1], &non_blocking) != napi_ok) {
    return throw_bad_argument(call, "nonBlocking must be a boolean");
  }
  int copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
  if (copy == -1) return -errno;
  if (non_blocking) {
    int flags = fcntl(copy, F_GETFL);
    if (flags == -1 || fcntl(copy, F_SETFL, flags | O_NONBLOCK) == -1) {
      int error = errno;
      close(copy);
      return -error;
    }
  }
  return slot_take_or_close(call->state, copy, kind_of(copy) | (non_blocking ? 0 : SLOT_MAY_BLOCK));
}

static int64_t own(Call *call) {
  int64_t fd;
  if (!read_integer(call, 0, 0, INT_MAX, "fd", &fd)) return THROWN;
  if (fcntl((int)fd, F_GETFD) == -1) return -errno;
  for (int32_t index = 0; index < call->state->capacity; index++) { /* two owners would close it twice */
    if (call->state->slots[index].fd == fd) return -EEXIST;
  }
  return slot_take(call->state, (int)fd, kind_of((int)fd) | SLOT_MAY_BLOCK);
}

static int64_t close_slot(Call *call) {
  poller_forget(call->state, call->slot);
  int result = close(fd_of(call));
  int error = errno;
  slot_free(call->state, call->slot);
  /* Linux has closed the descriptor even if it returns EINTR: trying again could close another one. */
  return result == -1 && error != EINTR ? -error : 0;
}

static int64_t release_slot(Call *call) {
  poller_forget(call->state, call->slot);
  int fd = fd_of(call);
  slot_free(call->state, call->slot);
  return fd;
}

const Export SLOT_EXPORTS[] = {
    {"generation", generation_of, ANY}, {"liveSlots", live_slots, ANY}, {"adopt", adopt, ANY},
    {"own", own, ANY}, {"close", close_slot, SLOT}, {"release", release_slot, SLOT}, {NULL, NULL, ANY},
};
