/* Holds a pidfile open, writes to it, locks it, and asks who else does. */
#include "legacy.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static int held = -1;

/* hold PATH: opens it and keeps it open. */
static char **hold(char **words)
{
    held = must(open(words[0], O_RDWR | O_CREAT, 0644), words[0]);
    return words + 1;
}

/* hold_to_read PATH: the same, for reading alone. */
static char **hold_to_read(char **words)
{
    held = must(open(words[0], O_RDONLY), words[0]);
    return words + 1;
}

/* put: writes the PID of the calling process into what is held. */
static char **put(char **words)
{
    must(ftruncate(held, 0), "ftruncate");
    must((int)lseek(held, 0, SEEK_SET), "lseek");
    write_pid(held);
    return words;
}

static int by_posix(int fd)
{
    return fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK});
}

static int by_posix_to_read(int fd)
{
    return fcntl(fd, F_SETLK, &(struct flock){.l_type = F_RDLCK});
}

static int by_ofd(int fd)
{
    return fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK});
}

static int by_flock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB);
}

static int waits_for_posix(int fd)
{
    return fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK});
}

static int waits_for_posix_to_read(int fd)
{
    return fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_RDLCK});
}

static int waits_for_ofd(int fd)
{
    return fcntl(fd, F_OFD_SETLKW, &(struct flock){.l_type = F_WRLCK});
}

static int waits_for_flock(int fd)
{
    return flock(fd, LOCK_EX);
}

static const struct {
    const char *name;
    int (*lock)(int fd), (*await)(int fd);
} kinds[] = {
    {"posix", by_posix, waits_for_posix}, {"ofd", by_ofd, waits_for_ofd}, {"flock", by_flock, waits_for_flock},
    {"posix_to_read", by_posix_to_read, waits_for_posix_to_read}, {0},
};

/* lock KIND: what is held. */
static char **lock(char **words)
{
    must(find(kinds, words[0])->lock(held), words[0]);
    return words + 1;
}

/* await_lock KIND: waits until what is held is its own. */
static char **await_lock(char **words)
{
    must(find(kinds, words[0])->await(held), words[0]);
    return words + 1;
}

/* probe PATH: is it locked by anybody else? Each kind is tried and given back at once. */
static char **probe(char **words)
{
    int fd = must(open(words[0], O_RDONLY), words[0]);
    struct flock range = {.l_type = F_WRLCK};
    must(fcntl(fd, F_GETLK, &range), "F_GETLK");
    int tried = flock(fd, LOCK_EX | LOCK_NB);
    say("fcntl %s, flock %s\n", range.l_type == F_UNLCK ? "free" : "locked", tried == 0 ? "free" : "locked");
    close(fd);
    return words + 1;
}

const struct step steps_of_lock[] = {{"hold", hold}, {"hold_to_read", hold_to_read}, {"put", put}, {"lock", lock}, {"await_lock", await_lock}, {"probe", probe}, {0}};
