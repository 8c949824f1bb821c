/* Finds the functions of OpenSSL in the process, and makes sure that they belong together. */
#define _GNU_SOURCE /* dl_iterate_phdr, RTLD_DEFAULT */
#include "openssl.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  uintptr_t address;
  const char *object;
} Search;

/* Keeps the name of the object that contains the address. */
static int look_into(struct dl_phdr_info *object, size_t size, void *data) {
  Search *search = data;
  (void)size;
  for (int at = 0; at < object->dlpi_phnum; at++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[at];
    if (part->p_type != PT_LOAD || search->address - object->dlpi_addr - part->p_vaddr >= part->p_memsz) continue;
    search->object = object->dlpi_name; /* the program itself has an empty name, at a fixed address */
    return 1;
  }
  return 0;
}

/* Finds one function. All functions of one library must be in the same object: `home` is set by the first of them. Does
   not call dladdr, which compares the address with every symbol of Node: almost a millisecond for each function. */
static const char *find(void **pointer, const char *name, const char **home, char *why, size_t room) {
  *pointer = dlsym(RTLD_DEFAULT, name);
  if (*pointer == NULL) {
    snprintf(why, room, "this process has no function %s", name);
    return why;
  }
  Search search = {.address = (uintptr_t)*pointer};
  if (dl_iterate_phdr(look_into, &search) == 0 || (*home != NULL && *home != search.object)) {
    snprintf(why, room, "%s belongs to another library than the other functions of OpenSSL", name);
    return why;
  }
  *home = search.object;
  return NULL;
}

/* Whether one version is the other, or the other with a suffix that adds no number, such as `3.0.15+quic`. */
static bool is_same_version(const char *one, const char *other) {
  while (*one != '\0' && *one == *other) {
    one++;
    other++;
  }
  const char *rest = *one != '\0' ? one : other;
  if (*one != '\0' && *other != '\0') return false;
  return *rest != '.' && (*rest < '0' || *rest > '9');
}

static const char *find_all(OpenSSL *functions, const char *expected_version, char *why, size_t room) {
  const char *libssl = NULL, *libcrypto = NULL;
  const char *problem;
#define FIND(home, name)                                                                      \
  if ((problem = find((void **)&functions->name, #name, &home, why, room)) != NULL) return problem;
#define FIND_CRYPTO(result, name, arguments) FIND(libcrypto, name)
#define FIND_SSL(result, name, arguments) FIND(libssl, name)
  LIBCRYPTO_FUNCTIONS(FIND_CRYPTO)
  LIBSSL_FUNCTIONS(FIND_SSL)
  unsigned int major = functions->OPENSSL_version_major();
  if (major != 3) {
    snprintf(why, room, "OpenSSL has version %u, and only version 3 is known", major);
    return why;
  }
  const char *version = functions->OpenSSL_version(OPENSSL_VERSION_STRING_ITEM);
  if (!is_same_version(version, expected_version)) {
    snprintf(why, room, "the functions are those of OpenSSL %.40s, but Node uses %.40s", version, expected_version);
    return why;
  }
  return NULL;
}

OpenSSL openssl;

const char *openssl_find(const char *expected_version, char *why, size_t room) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static bool is_found;
  OpenSSL functions;
  const char *problem = NULL;
  pthread_mutex_lock(&lock);
  if (!is_found) {
    problem = find_all(&functions, expected_version, why, room);
    if (problem == NULL) openssl = functions;
    is_found = problem == NULL;
  }
  pthread_mutex_unlock(&lock);
  return problem;
}
