/* A library that does the steps of the legacy daemon: before main, after it, and when it is asked to.
 *
 * They are the words of its environment: EARLY for its constructor, LATE for its destructor, LAST for what is run after
 * all destructors. */
#include "legacy/legacy.h"

#include <stdlib.h>
#include <string.h>

static void do_steps_of(const char *variable)
{
    char *words[64] = {0}, *steps = getenv(variable), *rest = NULL;
    if (!steps)
        return;
    steps = strdup(steps);
    for (int at = 0; at < 63 && (words[at] = strtok_r(at ? NULL : steps, " ", &rest)); at++)
        ;
    run(words);
}

/* atexit(3) would tie it to this library, to be run with its destructor. */
static void last(int status, void *nothing)
{
    (void)status, (void)nothing;
    do_steps_of("LAST");
}

__attribute__((constructor)) static void early(void)
{
    on_exit(last, NULL);
    do_steps_of("EARLY");
}

__attribute__((destructor)) static void late(void)
{
    do_steps_of("LATE");
}

/* For a program that has loaded it with dlopen(3). */
__attribute__((visibility("default"))) char **act(char **words)
{
    return run(words);
}
