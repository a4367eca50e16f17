/* Closes descriptors that the daemon does not know, as daemons do when they start. */
#include "legacy.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST = 3, MOST = 1023 };

/* glibc has closefrom(3) since 2.34, musl has not. */
static void by_closefrom(void)
{
    void (*closefrom_or_none)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "closefrom");
    if (closefrom_or_none)
        closefrom_or_none(FIRST);
}

static void by_close_range(void) { syscall(SYS_close_range, FIRST, ~0U, 0); }

static void by_loop(void)
{
    for (int fd = FIRST; fd <= MOST; fd++)
        close(fd);
}

/* All, also what it speaks through, which it gets back. */
static void by_loop_from_0(void)
{
    int speech = must(fcntl(STDOUT_FILENO, F_DUPFD, MOST + 1), "F_DUPFD");
    for (int fd = 0; fd <= MOST; fd++)
        close(fd);
    must(open("/dev/null", O_RDONLY), "/dev/null");
    must(dup(speech), "dup");
    must(dup(speech), "dup");
    close(speech);
}

static const struct {
    const char *name;
    void (*close)(void);
} ways[] = {
    {"closefrom", by_closefrom}, {"close_range", by_close_range}, {"loop", by_loop}, {"loop_from_0", by_loop_from_0},
    {0},
};

/* close_all WAY */
static char **close_all(char **words)
{
    find(ways, words[0])->close();
    return words + 1;
}

const struct step steps_of_close[] = {{"close_all", close_all}, {0}};
