/* What a process has of its own besides files and signals, and the limits that it may have come to. */
#include "legacy.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <grp.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

extern char **environ;

/* unusual: has all of it as few programs have it. */
static char **unusual(char **words)
{
    setlocale(LC_ALL, "C.UTF-8");
    fesetround(FE_UPWARD);
    feraiseexcept(FE_DIVBYZERO);
    umask(027);
    must(setpriority(PRIO_PROCESS, 0, 3), "setpriority");
    must(prctl(PR_SET_NAME, "unusual"), "PR_SET_NAME");
    must(prctl(PR_SET_PDEATHSIG, SIGUSR2), "PR_SET_PDEATHSIG");
    must(prctl(PR_SET_TIMERSLACK, 77777), "PR_SET_TIMERSLACK");
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_sec = 1000}}, NULL);
    must(setenv("UNUSUAL", "yes", 1), "setenv");
    return words;
}

/* A number for bytes, by which it shows whether they are the same. */
static unsigned long digest(unsigned long so_far, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length; at++)
        so_far = so_far * 31 + (unsigned char)bytes[at];
    return so_far;
}

static unsigned long digest_of_environment(void)
{
    unsigned long digested = 0;
    for (char **entry = environ; *entry; entry++)
        if (strncmp(*entry, "LD_PRELOAD=", 11) && strncmp(*entry, "PIDWARD_", 8))
            digested = digest(digested, *entry, strlen(*entry));
    return digested;
}

/* A file of /proc/self, without the names of pidfiles in it, which the test may have changed. */
static unsigned long digest_of(const char *path)
{
    char text[4096];
    int fd = must(open(path, O_RDONLY), path);
    ssize_t length = must((int)read(fd, text, sizeof text), path);
    close(fd);
    for (ssize_t at = 2; at < length; at++)
        if (text[at - 2] == 'p' && text[at] == 'd')
            text[at - 1] = 'i';
    return digest(0, text, (size_t)length);
}

/* state: all of it, as it is now. */
static char **state(char **words)
{
    char name[16];
    int death_signal = 0;
    struct itimerval timer;
    stack_t stack;
    prctl(PR_GET_NAME, name);
    prctl(PR_GET_PDEATHSIG, &death_signal);
    getitimer(ITIMER_REAL, &timer);
    sigaltstack(NULL, &stack);
    mode_t mask = umask(0);
    umask(mask);
    say("locale %s, rounding %x, exceptions %x\n", setlocale(LC_ALL, NULL), (unsigned)fegetround(),
        (unsigned)fetestexcept(FE_ALL_EXCEPT));
    say("umask %o, priority %d, name %s, death signal %d, slack %d, timer %s\n", mask,
        getpriority(PRIO_PROCESS, 0), name, death_signal, prctl(PR_GET_TIMERSLACK),
        timer.it_value.tv_sec ? "running" : "none");
    say("dumpable %d, new privileges %d, subreaper %d, keeps capabilities %d\n", prctl(PR_GET_DUMPABLE),
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_CHILD_SUBREAPER, &(int){0}), prctl(PR_GET_KEEPCAPS));
    say("environment %lx, command line %lx, alternate stack %x\n", digest_of_environment(),
        digest_of("/proc/self/cmdline"), (unsigned)stack.ss_flags);
    say("session %s, group %s, foreground %d\n", getsid(0) == getpid() ? "own" : "another's",
        getpgrp() == getpid() ? "own" : "another's", tcgetpgrp(STDIN_FILENO));
    return words;
}

/* usage: what children have used so far. */
static char **usage(char **words)
{
    struct rusage used;
    struct tms ticks;
    must(getrusage(RUSAGE_CHILDREN, &used), "getrusage");
    times(&ticks);
    say("children used %ld.%06ld s, %ld.%06ld s in the kernel, %ld and %ld ticks\n", used.ru_utime.tv_sec,
        used.ru_utime.tv_usec, used.ru_stime.tv_sec, used.ru_stime.tv_usec, ticks.tms_cutime, ticks.tms_cstime);
    say("children used %ld KiB, %ld and %ld page faults, %ld and %ld switches, %ld and %ld blocks\n",
        used.ru_maxrss, used.ru_minflt, used.ru_majflt, used.ru_nvcsw, used.ru_nivcsw, used.ru_inblock,
        used.ru_oublock);
    return words;
}

/* some_usage: whether children have used anything, where nobody can foresee how much. */
static char **some_usage(char **words)
{
    struct rusage used;
    must(getrusage(RUSAGE_CHILDREN, &used), "getrusage");
    say("children used %s\n", used.ru_minflt > 0 && used.ru_maxrss > 0 ? "something" : "nothing");
    return words;
}

/* no_memory: no more of it may be mapped. */
static char **no_memory(char **words)
{
    must(setrlimit(RLIMIT_AS, &(struct rlimit){0, 0}), "RLIMIT_AS");
    return words;
}

/* many_groups: as many as make the lines of /proc/self/status longer than a page. */
static char **many_groups(char **words)
{
    gid_t groups[2000];
    for (int at = 0; at < 2000; at++)
        groups[at] = 100000 + (gid_t)at;
    must(setgroups(2000, groups), "setgroups");
    return words;
}

/* title: writes one over its arguments and its environment, as setproctitle(3) does. */
static char **title(char **words)
{
    char *first = environ[0], *end = first;
    for (char **entry = environ; *entry; entry++)
        end = *entry + strlen(*entry);
    static char *none[] = {NULL};
    environ = none;
    memset(first, 0, (size_t)(end - first));
    strcpy(first, "idle");
    return words;
}

/* few_files COUNT: no descriptor of a higher number. */
static char **few_files(char **words)
{
    rlim_t most = (rlim_t)atoi(words[0]);
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){most, most}), "RLIMIT_NOFILE");
    return words + 1;
}

const struct step steps_of_state[] = {
    {"unusual", unusual}, {"state", state}, {"usage", usage}, {"some_usage", some_usage},
    {"no_memory", no_memory}, {"few_files", few_files},
    {"many_groups", many_groups}, {"title", title}, {0},
};
