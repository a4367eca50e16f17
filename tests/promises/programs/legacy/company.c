/* What a daemon does in the company of other libraries: it allocates in many threads, and loads plugins. */
#include "legacy.h"

#include <dlfcn.h>
#include <err.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHURNING = 4, HELD = 64 };

static pthread_barrier_t all_churn;

/* Allocates and frees without end, in sizes that allocators serve in different ways. */
static void *churn_on(void *at)
{
    void *held[HELD] = {0};
    unsigned size = 1;
    for (unsigned long turn = 0;; turn++) {
        void **slot = &held[turn % HELD];
        size = size * 1103515245 + 12345;
        *slot = turn % 3 ? realloc(*slot, size % 70000 + 1) : (free(*slot), calloc(1, size % 500 + 1));
        memset(*slot, 1, 1);
        if (turn == HELD)
            pthread_barrier_wait(&all_churn);
    }
    return at;
}

/* churn: from now on threads allocate. */
static char **churn(char **words)
{
    pthread_t thread;
    pthread_barrier_init(&all_churn, NULL, CHURNING + 1);
    for (int at = 0; at < CHURNING; at++)
        if (pthread_create(&thread, NULL, churn_on, NULL) != 0)
            errx(99, "pthread_create");
    pthread_barrier_wait(&all_churn);
    return words;
}

/* mapped NAME: is it part of the name of a file that is mapped to execute it? */
static char **mapped(char **words)
{
    int found = 0;
    FILE *lines = fopen("/proc/self/maps", "r");
    for (char line[4096]; lines && fgets(line, sizeof line, lines);)
        found |= strstr(line, " r-xp ") && strstr(line, words[0]);
    fclose(lines);
    say("%s is %s\n", words[0], found ? "mapped" : "not mapped");
    return words + 1;
}

static const struct {
    const char *name;
    int flags;
} modes[] = {
    {"local", RTLD_NOW | RTLD_LOCAL},
    {"global", RTLD_NOW | RTLD_GLOBAL},
    {"lazy", RTLD_LAZY | RTLD_LOCAL},
#ifdef RTLD_DEEPBIND
    {"deepbind", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND},
#endif
    {0},
};

/* plugin MODE LIBRARY STEP... end: the library does the steps. */
static char **plugin(char **words)
{
    void *library = dlopen(words[1], find(modes, words[0])->flags);
    char **(*act)(char **words) = library ? (char **(*)(char **))dlsym(library, "act") : NULL;
    if (!act)
        errx(99, "%s", dlerror());
    char **end = act(words + 2);
    return *end ? end + 1 : end;
}

/* load LIBRARY: a plugin of which nothing is asked. */
static char **load(char **words)
{
    if (!dlopen(words[0], RTLD_NOW))
        errx(99, "%s", dlerror());
    return words + 1;
}

/* unload LIBRARY: whoever has loaded it. Where libraries are unloaded at all, it is gone then. */
static char **unload(char **words)
{
    void *library = dlopen(words[0], RTLD_NOW | RTLD_NOLOAD);
    if (!library || dlclose(library) != 0 || dlclose(library) != 0)
        errx(99, "%s", dlerror());
    return words + 1;
}

/* past PATH: makes a pidfile by a system call of its own, as languages do that have no use for a C library. */
static char **past(char **words)
{
    write_pid(must((int)syscall(SYS_openat, AT_FDCWD, words[0], O_WRONLY | O_CREAT | O_TRUNC, 0644), "openat"));
    return words + 1;
}

static volatile sig_atomic_t lent;

static void lend(int number)
{
    lent = number;
}

/* borrow SIGNAL: has a handler of its own for a moment, and puts back what was there. */
static char **borrow(char **words)
{
    int number = atoi(words[0]);
    struct sigaction old, new = {.sa_handler = lend};
    must(sigaction(number, &new, &old), "sigaction");
    raise(number);
    must(sigaction(number, &old, NULL), "sigaction");
    say("borrowed %d\n", lent);
    return words + 1;
}

static pthread_barrier_t lists, listed;

static int linger(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info, (void)size, (void)data;
    pthread_barrier_wait(&lists);
    pthread_barrier_wait(&listed);
    return 1;
}

static void *list_objects(void *data)
{
    dl_iterate_phdr(linger, data);
    return NULL;
}

/* fork_while_listed: a child that is made while another thread goes through the list of loaded objects, and perhaps has it
 * locked, sets a disposition and leaves. */
static char **fork_while_listed(char **words)
{
    pthread_t lister;
    int status = 0;
    pthread_barrier_init(&lists, NULL, 2);
    pthread_barrier_init(&listed, NULL, 2);
    pthread_create(&lister, NULL, list_objects, NULL);
    pthread_barrier_wait(&lists);
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        /* It waits for nobody; should it, that ends. */
        alarm(20);
        signal(SIGUSR1, SIG_IGN);
        _exit(0);
    }
    must(waitpid(child, &status, 0), "waitpid");
    pthread_barrier_wait(&listed);
    pthread_join(lister, NULL);
    say("the child: %x\n", (unsigned)status);
    return words;
}

const struct step steps_of_company[] = {
    {"fork_while_listed", fork_while_listed},
    {"churn", churn}, {"mapped", mapped}, {"plugin", plugin}, {"past", past}, {"borrow", borrow},
    {"load", load}, {"unload", unload},
    {0},
};
