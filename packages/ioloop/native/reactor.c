/* The module: its exports, and how its state is created and destroyed with the environment. */
#include "tls.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void state_disown(State *state) {
  if (--state->owners > 0) return;
  free(state->slots);
  free(state->scratch);
  free(state->secure);
  free(state);
}

void state_hook_done(State *state) {
  if (!state->ending || state->closing > 0 || state->hook == NULL) return;
  napi_remove_async_cleanup_hook(state->hook); /* Node continues to tear down the environment */
  state->hook = NULL;
  state_disown(state);
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  State *state = data;
  (void)hook;
  state->ending = true;
  watch_end(state); /* first: libuv must stop polling a descriptor before it is closed */
  slots_close_all(state);
  contexts_close_all(state); /* after the connections that use them */
  if (state->slice != NULL) napi_delete_reference(state->env, state->slice); /* otherwise each worker leaks it */
  state->slice = NULL;
  state_hook_done(state); /* completes now, or in the close callback of the handle */
}

/* Functions that outlive the cleanup hook still point to the state, so the state is not freed before this has run. */
static void on_data_finalized(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  state_disown(data);
}

static bool set_number(napi_env env, napi_value object, const char *name, int64_t number) {
  napi_value value;
  return napi_create_int64(env, number, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

static bool export_constants(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    int64_t value;
  } NUMBERS[] = {
      {"EAGAIN", EAGAIN},       {"EINPROGRESS", EINPROGRESS}, {"EINTR", EINTR},       {"AF_INET", AF_INET},
      {"AF_INET6", AF_INET6},   {"AF_UNIX", AF_UNIX},         {"SOCK_STREAM", SOCK_STREAM},
      {"EPOLLIN", EPOLLIN},     {"EPOLLOUT", EPOLLOUT},       {"EPOLLERR", EPOLLERR}, {"EPOLLHUP", EPOLLHUP},
      {"EPOLLRDHUP", EPOLLRDHUP},
  };
  napi_value constants, options;
  if (napi_create_object(env, &constants) != napi_ok || napi_create_object(env, &options) != napi_ok) return false;
  for (size_t at = 0; at < sizeof NUMBERS / sizeof NUMBERS[0]; at++) {
    if (!set_number(env, constants, NUMBERS[at].name, NUMBERS[at].value)) return false;
  }
  for (int option = 0; option < OPTION_COUNT; option++) {
    if (!set_number(env, options, OPTION_NAMES[option].name, option)) return false;
  }
  return napi_set_named_property(env, constants, "options", options) == napi_ok &&
         napi_object_freeze(env, options) == napi_ok && napi_object_freeze(env, constants) == napi_ok &&
         napi_set_named_property(env, exports, "constants", constants) == napi_ok;
}

/* The entry point of every exported function: reads the arguments, checks the slot, calls the function, returns its
   result. */
static napi_value enter(napi_env env, napi_callback_info info) {
  Call call = {.env = env};
  size_t count = MAX_ARGUMENTS; /* arguments that were not passed are undefined */
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, call.argv, NULL, &data) != napi_ok || data == NULL) return NULL;
  const Function *function = data;
  call.state = function->state;
  call.name = function->export->name;
  if (function->export->first != ANY && !read_slot(&call, 0, &call.slot)) return NULL;
  if (function->export->first == POLLER && (call.state->slots[call.slot].flags & SLOT_POLLER) == 0) {
    throw_bad_argument(&call, "the slot is not a poller");
    return NULL;
  }
  if (function->export->first == SECURED && call.state->slots[call.slot].tls == NULL) {
    throw_bad_argument(&call, "TLS is not attached to the slot");
    return NULL;
  }
  int64_t result = function->export->run(&call);
  if (result == THROWN) return NULL;
  if (result != VALUE && napi_create_int64(env, result, &call.value) != napi_ok) return NULL;
  return call.value;
}

static bool export_functions(napi_env env, napi_value exports, const Export *list, State *state) {
  for (; list->name != NULL; list++) {
    napi_value value;
    if (state->function_count == MAX_FUNCTIONS) return false;
    Function *function = &state->functions[state->function_count++];
    *function = (Function){.export = list, .state = state};
    if (napi_create_function(env, list->name, NAPI_AUTO_LENGTH, enter, function, &value) != napi_ok ||
        napi_set_named_property(env, exports, list->name, value) != napi_ok) {
      return false;
    }
  }
  return true;
}

static bool keep_slice(napi_env env, State *state) {
  napi_value text, slice;
  return napi_create_string_latin1(env, "", 0, &text) == napi_ok && napi_coerce_to_object(env, text, &text) == napi_ok &&
         napi_get_named_property(env, text, "slice", &slice) == napi_ok &&
         napi_create_reference(env, slice, 1, &state->slice) == napi_ok;
}

NAPI_MODULE_INIT() {
  State *state = calloc(1, sizeof *state);
  if (state == NULL) return NULL;
  state->env = env;
  state->first_free = -1;
  state->owners = 1;
  if (napi_set_instance_data(env, state, on_data_finalized, NULL) != napi_ok) {
    free(state);
    return NULL;
  }
  if (napi_add_async_cleanup_hook(env, on_environment_end, state, &state->hook) != napi_ok) return NULL;
  state->owners = 2;
  if (!keep_slice(env, state) || !export_constants(env, exports) ||
      !export_functions(env, exports, SLOT_EXPORTS, state) || !export_functions(env, exports, SOCKET_EXPORTS, state) ||
      !export_functions(env, exports, BYTES_EXPORTS, state) || !export_functions(env, exports, FILE_EXPORTS, state) ||
      !export_functions(env, exports, POLLER_EXPORTS, state) ||
      !export_functions(env, exports, TLS_CONTEXT_EXPORTS, state) || !export_functions(env, exports, TLS_EXPORTS, state) ||
      !export_functions(env, exports, TLS_FACT_EXPORTS, state)) {
    napi_throw_error(env, "ERR_REACTOR_BAD_ARGUMENT", "the native reactor could not be initialized");
    return NULL;
  }
  return exports;
}
