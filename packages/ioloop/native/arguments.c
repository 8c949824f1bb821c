/* Reads arguments. For anything that JavaScript passes, the result is a value or an exception. */
#include "reactor.h"

#include <stdio.h>

int64_t throw_bad_argument(const Call *call, const char *expectation) {
  char message[160];
  snprintf(message, sizeof message, "%s: %s", call->name, expectation);
  napi_throw_type_error(call->env, "ERR_REACTOR_BAD_ARGUMENT", message);
  return THROWN;
}

bool read_integer(const Call *call, size_t at, int64_t least, int64_t most, const char *what, int64_t *result) {
  double number;
  /* Read as a double, because the integer readers of Node-API turn NaN into 0 and wrap numbers that are too large. */
  if (napi_get_value_double(call->env, call->argv[at], &number) == napi_ok && number >= (double)least &&
      number <= (double)most && number == (double)(int64_t)number) {
    *result = (int64_t)number;
    return true;
  }
  char expectation[120];
  snprintf(expectation, sizeof expectation, "%s must be an integer from %lld to %lld", what, (long long)least,
           (long long)most);
  throw_bad_argument(call, expectation);
  return false;
}

/* Node-API does not set the type for kinds of array that it does not know yet, such as Float16Array on older
   versions. */
static const napi_typedarray_type NO_KNOWN_TYPE = (napi_typedarray_type)-1;

bool read_bytes(const Call *call, napi_value value, uint8_t **data, size_t *length) {
  napi_typedarray_type type = NO_KNOWN_TYPE;
  void *start = NULL;
  /* Does not call napi_get_buffer_info: some versions of it abort the process if the value is not a view. */
  if (napi_get_typedarray_info(call->env, value, &type, length, &start, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    throw_bad_argument(call, "the bytes must be a Uint8Array");
    return false;
  }
  *data = start;
  return true;
}

bool read_triples(const Call *call, napi_value value, int32_t **data, size_t *triples) {
  napi_typedarray_type type = NO_KNOWN_TYPE;
  size_t length = 0;
  void *start = NULL;
  if (napi_get_typedarray_info(call->env, value, &type, &length, &start, NULL, NULL) != napi_ok ||
      type != napi_int32_array || length < 3) {
    throw_bad_argument(call, "the triples must be an Int32Array of at least 3 elements");
    return false;
  }
  *data = start;
  *triples = length / 3 < MAX_EVENTS ? length / 3 : MAX_EVENTS;
  return true;
}

bool read_slot(const Call *call, size_t at, int32_t *index) {
  double slot, generation;
  if (napi_get_value_double(call->env, call->argv[at], &slot) != napi_ok ||
      napi_get_value_double(call->env, call->argv[at + 1], &generation) != napi_ok) {
    throw_bad_argument(call, "slot and generation must be numbers");
    return false;
  }
  if (slot >= 0 && slot < (double)call->state->capacity && slot == (double)(int32_t)slot) {
    const Slot *found = &call->state->slots[(int32_t)slot];
    if (found->fd != -1 && (double)found->generation == generation) {
      *index = (int32_t)slot;
      return true;
    }
  }
  char message[120];
  snprintf(message, sizeof message, "%s: slot %.0f is not live in generation %.0f", call->name, slot, generation);
  napi_throw_error(call->env, "ERR_REACTOR_BAD_SLOT", message);
  return false;
}
