/* epoll, and the libuv poll handle that attaches it to Node's loop. */
#include "reactor.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Node includes libuv but not its header. These are the functions used here; their ABI is stable throughout version
   1. */
typedef struct uv_poll_s uv_poll_t;
typedef struct uv_handle_s uv_handle_t;
enum { UV_POLL = 8, UV_READABLE = 1 };
extern int uv_poll_init(struct uv_loop_s *loop, uv_poll_t *handle, int fd);
extern int uv_poll_start(uv_poll_t *handle, int events, void (*callback)(uv_poll_t *, int status, int events));
extern int uv_poll_stop(uv_poll_t *handle);
extern void uv_close(uv_handle_t *handle, void (*callback)(uv_handle_t *));
extern void uv_ref(uv_handle_t *handle);
extern void uv_unref(uv_handle_t *handle);
extern size_t uv_handle_size(int type);
extern void uv_handle_set_data(uv_handle_t *handle, void *data);
extern void *uv_handle_get_data(const uv_handle_t *handle);

struct Watch {
  State *state;
  uv_poll_t *handle;
  napi_ref events, callback;
  int32_t poller;
};

/* All level-triggered events. EPOLLET and EPOLLONESHOT are not allowed: events for bytes left unread would get lost. */
enum { EVENTS_ALLOWED = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP };

static int64_t poller_open(Call *call) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd == -1 ? -errno : slot_take_or_close(call->state, fd, SLOT_POLLER);
}

void poller_forget(State *state, int32_t index) {
  Slot *slot = &state->slots[index];
  if (slot->poller != -1) {
    /* Must happen before the descriptor is closed: if a duplicate of it is still open, its events would never stop. */
    epoll_ctl(state->slots[slot->poller].fd, EPOLL_CTL_DEL, slot->fd, NULL);
    slot->poller = -1;
  }
  if ((slot->flags & SLOT_POLLER) == 0) return;
  if (state->watch != NULL && state->watch->poller == index) watch_end(state);
  for (int32_t member = 0; member < state->capacity; member++) {
    Slot *candidate = &state->slots[member];
    if (candidate->fd != -1 && candidate->poller == index) poller_forget(state, member);
  }
}

static int64_t poller_control(Call *call) {
  int32_t index, poller = call->slot;
  int64_t op, events;
  if (!read_integer(call, 2, 1, 3, "op", &op) || !read_slot(call, 3, &index)) return THROWN;
  if (!read_integer(call, 5, 0, EVENTS_ALLOWED, "events", &events)) return THROWN;
  if ((events & ~(int64_t)EVENTS_ALLOWED) != 0) return throw_bad_argument(call, "events has an unknown bit");
  Slot *slot = &call->state->slots[index];
  if ((slot->flags & SLOT_POLLER) != 0) return throw_bad_argument(call, "a poller cannot watch a poller");
  if (op == EPOLL_CTL_ADD && slot->poller != -1) return -EEXIST;
  if (op != EPOLL_CTL_ADD && slot->poller != poller) return -ENOENT;
  struct epoll_event event = {.events = (uint32_t)events};
  event.data.u64 = (uint64_t)(uint32_t)slot->generation << 32 | (uint32_t)index;
  if (epoll_ctl(fd_of(call), (int)op, slot->fd, &event) == -1) return -errno;
  if (op == EPOLL_CTL_ADD) slot->poller = poller;
  if (op == EPOLL_CTL_DEL) slot->poller = -1;
  return 0;
}

/* epoll_wait into triples. Skips events of slots that are dead by now. Returns the number of triples, or -errno. */
static int collect(const State *state, int poller_fd, int32_t *triples, size_t capacity, int timeout_ms) {
  struct epoll_event ready[MAX_EVENTS];
  int count = epoll_wait(poller_fd, ready, (int)capacity, timeout_ms);
  if (count == -1) return errno == EINTR ? 0 : -errno;
  int kept = 0;
  for (int at = 0; at < count; at++) {
    int32_t index = (int32_t)(uint32_t)ready[at].data.u64;
    int32_t generation = (int32_t)(ready[at].data.u64 >> 32);
    if (!slot_is_live(state, index, generation)) continue;
    triples[3 * kept] = index;
    triples[3 * kept + 1] = generation;
    triples[3 * kept + 2] = (int32_t)ready[at].events;
    kept++;
  }
  return kept;
}

static int64_t poller_wait(Call *call) {
  int32_t *triples;
  size_t capacity;
  double timeout;
  if (!read_triples(call, call->argv[2], &triples, &capacity)) return THROWN;
  if (napi_get_value_double(call->env, call->argv[3], &timeout) != napi_ok || !(timeout >= 0)) {
    return throw_bad_argument(call, "timeoutMs must be a number of at least 0");
  }
  int timeout_ms = timeout >= MAX_WAIT_MS ? MAX_WAIT_MS : (int)timeout;
  return collect(call->state, fd_of(call), triples, capacity, timeout_ms);
}

/* Reports an exception that no caller can catch, in the same way as Node reports those of its own callbacks. */
static void surface_exception(napi_env env) {
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

/* Makes the only call into JavaScript for a wake-up. If it fails, an exception is pending in Node-API. */
static void deliver(Watch *watch) {
  State *state = watch->state;
  napi_env env = state->env;
  Call call = {.env = env, .state = state, .name = "watch"};
  napi_value events, callback, receiver, argument;
  int32_t *triples;
  size_t capacity;
  /* The array is read again each time: a program may have transferred its buffer elsewhere. */
  if (napi_get_reference_value(env, watch->events, &events) != napi_ok || events == NULL) return;
  if (!read_triples(&call, events, &triples, &capacity)) {
    watch_end(state); /* otherwise the poller would be reported ready again and again */
    return;
  }
  int count = collect(state, state->slots[watch->poller].fd, triples, capacity, 0);
  if (count <= 0) return;
  if (napi_get_reference_value(env, watch->callback, &callback) != napi_ok || callback == NULL) return;
  if (napi_create_int32(env, count, &argument) != napi_ok) return;
  /* NULL as the context means the root context. Each call has a new receiver, because AsyncLocalStorage.enterWith of
     Node 20 stores values on the receiver, and the next batch must not inherit them. */
  if (napi_create_object(env, &receiver) != napi_ok) return;
  napi_make_callback(env, NULL, receiver, callback, 1, &argument, NULL); /* ticks and microtasks run in this call */
}

static void on_ready(uv_poll_t *handle, int status, int events) {
  (void)events;
  Watch *watch = uv_handle_get_data((uv_handle_t *)handle);
  napi_env env = watch->state->env;
  napi_handle_scope scope;
  if (watch->state->watch != watch || napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (status < 0) {
    watch_end(watch->state);
    napi_throw_error(env, "ERR_REACTOR_BAD_SLOT", "watch: the descriptor of the poller was closed by other code");
  } else {
    deliver(watch);
  }
  surface_exception(env);
  napi_close_handle_scope(env, scope);
}

static void on_closed(uv_handle_t *handle) {
  Watch *watch = uv_handle_get_data(handle);
  State *state = watch->state;
  free(handle);
  free(watch);
  state->closing--;
  state_hook_done(state);
}

void watch_end(State *state) {
  Watch *watch = state->watch;
  if (watch == NULL) return;
  state->watch = NULL;
  uv_poll_stop(watch->handle);
  napi_delete_reference(state->env, watch->events);
  napi_delete_reference(state->env, watch->callback);
  state->closing++;
  uv_close((uv_handle_t *)watch->handle, on_closed); /* libuv uses the memory until on_closed */
}

/* Creates the handle. On failure, nothing is left behind. Once libuv knows the handle, only its close callback may
   free it. */
static bool watch_start(State *state, Watch *watch) {
  struct uv_loop_s *loop;
  if (napi_get_uv_event_loop(state->env, &loop) != napi_ok) return false;
  watch->handle = calloc(1, uv_handle_size(UV_POLL));
  if (watch->handle == NULL) return false;
  if (uv_poll_init(loop, watch->handle, state->slots[watch->poller].fd) != 0) {
    free(watch->handle);
    return false;
  }
  uv_handle_set_data((uv_handle_t *)watch->handle, watch);
  state->watch = watch;
  return true;
}

static int64_t watch_poller(Call *call) {
  napi_env env = call->env;
  State *state = call->state;
  int32_t *triples;
  size_t capacity;
  napi_valuetype type;
  if (!read_triples(call, call->argv[2], &triples, &capacity)) return THROWN;
  if (napi_typeof(env, call->argv[3], &type) != napi_ok || type != napi_function) {
    return throw_bad_argument(call, "callback must be a function");
  }
  if (state->watch != NULL) return throw_bad_argument(call, "this thread already watches a poller");
  Watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) return throw_bad_argument(call, "out of memory");
  watch->state = state;
  watch->poller = call->slot;
  bool events_held = napi_create_reference(env, call->argv[2], 1, &watch->events) == napi_ok;
  bool callback_held = napi_create_reference(env, call->argv[3], 1, &watch->callback) == napi_ok;
  if (events_held && callback_held && watch_start(state, watch)) {
    if (uv_poll_start(watch->handle, UV_READABLE, on_ready) == 0) return VALUE;
    watch_end(state);
  } else {
    if (events_held) napi_delete_reference(env, watch->events);
    if (callback_held) napi_delete_reference(env, watch->callback);
    free(watch);
  }
  return throw_bad_argument(call, "the poller could not be added to the loop of this thread");
}

/* ref and unref do nothing if no poller is watched. */
static int64_t ref_watch(Call *call) {
  if (call->state->watch != NULL) uv_ref((uv_handle_t *)call->state->watch->handle);
  return VALUE;
}

static int64_t unref_watch(Call *call) {
  if (call->state->watch != NULL) uv_unref((uv_handle_t *)call->state->watch->handle);
  return VALUE;
}

const Export POLLER_EXPORTS[] = {
    {"pollerOpen", poller_open, ANY}, {"pollerControl", poller_control, POLLER},
    {"pollerWait", poller_wait, POLLER}, {"watch", watch_poller, POLLER}, {"ref", ref_watch, ANY},
    {"unref", unref_watch, ANY}, {NULL, NULL, ANY},
};
