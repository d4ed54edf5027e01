/* A library to preload: calls to the system that fail, as those of network file systems do.
 *
 * FAIL_CALL names the call (open, read, write, fsync or rename), FAIL_PATH a part of the path of
 * the file, FAIL_ERRNO the error, and FAIL_AFTER how many of those calls succeed before.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long n_calls;

static int fails(const char *call, const char *path) {
    const char *wanted = getenv("FAIL_CALL"), *part = getenv("FAIL_PATH");
    if (!wanted || !part || strcmp(wanted, call) != 0 || !strstr(path, part)) return 0;
    if (n_calls++ < atol(getenv("FAIL_AFTER"))) return 0;
    errno = atoi(getenv("FAIL_ERRNO"));
    return 1;
}

static int fails_at(const char *call, int descriptor) {
    char link[64], path[4096];
    const char *wanted = getenv("FAIL_CALL");
    if (!wanted || strcmp(wanted, call) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(call, path);
}

/* Start counting anew. */
void count_anew(void) { n_calls = 0; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define OPEN(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        mode_t mode = va_arg(rest, mode_t);                          \
        va_end(rest);                                                \
        return fails("open", path) ? -1 : REAL(name)(path, flags, mode); \
    }
#define OPENAT(name)                                                 \
    int name(int folder, const char *path, int flags, ...) {         \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        mode_t mode = va_arg(rest, mode_t);                          \
        va_end(rest);                                                \
        return fails("open", path) ? -1 : REAL(name)(folder, path, flags, mode); \
    }
#define ON_FILE(result, name, call, parameters, arguments)           \
    result name parameters {                                         \
        return fails_at(call, descriptor) ? -1 : REAL(name) arguments; \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
ON_FILE(ssize_t, read, "read", (int descriptor, void *to, size_t n), (descriptor, to, n))
ON_FILE(ssize_t, pread, "read", (int descriptor, void *to, size_t n, off_t at), (descriptor, to, n, at))
ON_FILE(ssize_t, pread64, "read", (int descriptor, void *to, size_t n, off64_t at), (descriptor, to, n, at))
ON_FILE(ssize_t, write, "write", (int descriptor, const void *from, size_t n), (descriptor, from, n))
ON_FILE(ssize_t, writev, "write", (int descriptor, const struct iovec *from, int n), (descriptor, from, n))
ON_FILE(int, fsync, "fsync", (int descriptor), (descriptor))

int rename(const char *from, const char *to) {
    return fails("rename", to) ? -1 : REAL(rename)(from, to);
}
