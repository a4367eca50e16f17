/* The ways to make a pidfile: one row a function of the C library that gives a file its name. */
#include "legacy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int errno_after;

/* Where the names of the "at" calls begin. */
static int directory = AT_FDCWD;

#define NEW (O_WRONLY | O_CREAT | O_TRUNC)

/* They give a descriptor to write to. */
static int by_open(const char *path) { return open(path, NEW, 0644); }
static int by_openat(const char *path) { return openat(directory, path, NEW, 0644); }
static int by_creat(const char *path) { return creat(path, 0644); }
/* As who takes an old one for stale. */
static int by_open_exclusive(const char *path)
{
    unlink(path);
    return open(path, NEW | O_EXCL, 0644);
}
static int by_open_existing(const char *path) { return open(path, O_RDWR); }

/* The stream is never closed, as in many a daemon. */
static int of_stream(FILE *stream) { return stream ? fileno(stream) : -1; }
static int by_fopen_w(const char *path) { return of_stream(fopen(path, "w")); }
static int by_fopen_a(const char *path) { return of_stream(fopen(path, "ae")); }
static int by_fopen_r_plus(const char *path) { return of_stream(fopen(path, "r+")); }
static int by_freopen(const char *path) { return of_stream(freopen(path, "w", fopen("/dev/null", "r"))); }

/* They only read, and make nothing. */
static int reads_open(const char *path) { return open(path, O_RDONLY); }
static int reads_openat(const char *path) { return openat(directory, path, O_RDONLY | O_CLOEXEC); }
static int reads_fopen(const char *path) { return of_stream(fopen(path, "r")); }
static int reads_freopen(const char *path) { return of_stream(freopen(path, "re", fopen("/dev/null", "r"))); }

/* They give another name to a file that is complete. */
static int by_rename(const char *from, const char *to) { return rename(from, to); }
static int by_link(const char *from, const char *to) { return link(from, to); }
static int by_renameat(const char *from, const char *to) { return renameat(directory, from, directory, to); }
static int by_linkat(const char *from, const char *to) { return linkat(directory, from, directory, to, 0); }

#ifdef __GLIBC__
/* What a program that was built with _FORTIFY_SOURCE calls when its flags are no constant. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

static int by_open_2(const char *path) { return __open_2(path, O_WRONLY); }
static int by_open64_2(const char *path) { return __open64_2(path, O_WRONLY); }
static int by_openat_2(const char *path) { return __openat_2(directory, path, O_WRONLY); }
static int by_openat64_2(const char *path) { return __openat64_2(directory, path, O_WRONLY); }
static int reads_open_2(const char *path) { return __open_2(path, O_RDONLY); }

/* With large files, which musl always has. */
static int by_open64(const char *path) { return open64(path, NEW, 0644); }
static int by_openat64(const char *path) { return openat64(directory, path, NEW, 0644); }
static int by_creat64(const char *path) { return creat64(path, 0644); }
static int by_fopen64(const char *path) { return of_stream(fopen64(path, "w")); }
static int by_freopen64(const char *path) { return of_stream(freopen64(path, "w", fopen("/dev/null", "r"))); }

static int by_renameat2(const char *from, const char *to) { return renameat2(directory, from, directory, to, 0); }
#endif

static const struct {
    const char *name;
    int (*open)(const char *path);
    int (*move)(const char *from, const char *to);
    /* There has to be a file already. */
    int existing;
} ways[] = {
    {"open", by_open, 0, 0},
    {"openat", by_openat, 0, 0},
    {"creat", by_creat, 0, 0},
    {"exclusive", by_open_exclusive, 0, 0},
    {"open_existing", by_open_existing, 0, 1},
    {"fopen_w", by_fopen_w, 0, 0},
    {"fopen_a", by_fopen_a, 0, 0},
    {"fopen_r+", by_fopen_r_plus, 0, 1},
    {"freopen", by_freopen, 0, 0},
    {"rename", 0, by_rename, 0},
    {"renameat", 0, by_renameat, 0},
    {"link", 0, by_link, 0},
    {"linkat", 0, by_linkat, 0},
#ifdef __GLIBC__
    {"open64", by_open64, 0, 0},
    {"openat64", by_openat64, 0, 0},
    {"creat64", by_creat64, 0, 0},
    {"__open_2", by_open_2, 0, 1},
    {"__open64_2", by_open64_2, 0, 1},
    {"__openat_2", by_openat_2, 0, 1},
    {"__openat64_2", by_openat64_2, 0, 1},
    {"fopen64", by_fopen64, 0, 0},
    {"freopen64", by_freopen64, 0, 0},
    {"renameat2", 0, by_renameat2, 0},
#endif
    {0},
};

static const struct {
    const char *name;
    int (*open)(const char *path);
} reads[] = {
    {"open", reads_open}, {"openat", reads_openat}, {"fopen", reads_fopen}, {"freopen", reads_freopen},
#ifdef __GLIBC__
    {"__open_2", reads_open_2},
#endif
    {0},
};

/* make WAY PATH */
static char **make(char **words)
{
    __typeof__(&ways[0]) way = find(ways, words[0]);
    const char *path = words[1];
    if (way->move) {
        char complete[4096];
        snprintf(complete, sizeof complete, "%s.new", path);
        int fd = must(openat(directory, complete, NEW, 0644), "make a file to move");
        write_pid(fd);
        close(fd);
        errno = ERRNO_BEFORE;
        int moved = way->move(complete, path);
        errno_after = errno;
        must(moved, way->name);
        unlinkat(directory, complete, 0);
        return words + 2;
    }
    /* Made by mknod(2), as no daemon does, so that nobody has seen it. */
    if (way->existing)
        must(mknodat(directory, path, S_IFREG | 0644, 0), "mknod");
    errno = ERRNO_BEFORE;
    int fd = way->open(path);
    errno_after = errno;
    write_pid(must(fd, way->name));
    return words + 2;
}

/* read WAY PATH */
static char **read_it(char **words)
{
    must(find(reads, words[0])->open(words[1]), words[0]);
    return words + 2;
}

/* reopen PATH: to write, without creating it. Closed again, as Postgres does with its own. */
static char **reopen(char **words)
{
    close(must(open(words[0], O_RDWR), "reopen"));
    return words + 1;
}

/* gone PATH: removes it. */
static char **gone(char **words)
{
    must(unlink(words[0]), "unlink");
    return words + 1;
}

/* move FROM TO */
static char **move(char **words)
{
    must(rename(words[0], words[1]), "rename");
    return words + 2;
}

/* at DIRECTORY: names given to the "at" calls begin there from now on. */
static char **at(char **words)
{
    directory = must(open(words[0], O_RDONLY | O_DIRECTORY), words[0]);
    return words + 1;
}

const struct step steps_of_make[] = {
    {"make", make}, {"read", read_it}, {"reopen", reopen}, {"gone", gone}, {"move", move}, {"at", at},
    {0},
};
