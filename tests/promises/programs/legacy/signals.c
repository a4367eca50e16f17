/* What programs do with signals besides setting dispositions: wait for them, block them, give them to other programs. */
#include "legacy.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t only(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

/* Blocks the signal and makes it pending, with a value. */
static sigset_t pending(int number)
{
    sigset_t set = only(number);
    must(sigprocmask(SIG_BLOCK, &set, NULL), "sigprocmask");
    must(sigqueue(getpid(), number, (union sigval){.sival_int = 42}), "sigqueue");
    return set;
}

/* sigwait SIGNAL */
static char **by_sigwait(char **words)
{
    sigset_t set = pending(atoi(words[0]));
    int number = 0;
    int result = sigwait(&set, &number);
    say("sigwait: %d, signal %d\n", result, number);
    return words + 1;
}

/* sigwaitinfo SIGNAL */
static char **by_sigwaitinfo(char **words)
{
    sigset_t set = pending(atoi(words[0]));
    siginfo_t info = {0};
    int number = sigwaitinfo(&set, &info);
    say("sigwaitinfo: %d code %d value %d from %s\n", number, info.si_code, info.si_value.sival_int,
        info.si_pid == getpid() ? "itself" : "another");
    return words + 1;
}

/* sigtimedwait SIGNAL: nothing comes. */
static char **by_sigtimedwait(char **words)
{
    sigset_t set = only(atoi(words[0]));
    int number = sigtimedwait(&set, NULL, &(struct timespec){0});
    say("sigtimedwait: %d %s\n", number, strerror(errno));
    return words + 1;
}

/* signalfd SIGNAL */
static char **by_signalfd(char **words)
{
    sigset_t set = pending(atoi(words[0]));
    struct signalfd_siginfo info = {0};
    int fd = must(signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
    must((int)read(fd, &info, sizeof info), "read");
    close(fd);
    say("signalfd: %u code %d value %d\n", info.ssi_signo, info.ssi_code, info.ssi_int);
    return words + 1;
}

/* queue_twice SIGNAL: both wait until it is unblocked. */
static char **queue_twice(char **words)
{
    sigset_t set = pending(atoi(words[0]));
    pending(atoi(words[0]));
    must(sigprocmask(SIG_UNBLOCK, &set, NULL), "sigprocmask");
    return words + 1;
}

/* unblock SIGNAL: what is pending comes now. */
static char **unblock(char **words)
{
    sigset_t set = only(atoi(words[0]));
    must(sigprocmask(SIG_UNBLOCK, &set, NULL), "sigprocmask");
    return words + 1;
}

/* unblock_all: all that is pending comes at once. */
static char **unblock_all(char **words)
{
    sigset_t set;
    sigfillset(&set);
    must(sigprocmask(SIG_UNBLOCK, &set, NULL), "sigprocmask");
    return words;
}

/* hold SIGNAL, release SIGNAL: as System V has it. */
static char **by_sighold(char **words)
{
    say("sighold: %d\n", sighold(atoi(words[0])));
    return words + 1;
}

static char **by_sigrelse(char **words)
{
    say("sigrelse: %d\n", sigrelse(atoi(words[0])));
    return words + 1;
}

/* query_altstack */
static char **query_altstack(char **words)
{
    stack_t now;
    must(sigaltstack(NULL, &now), "sigaltstack");
    say("alternate stack: flags %x, %zu bytes, %s\n", (unsigned)now.ss_flags, now.ss_size, now.ss_sp ? "there" : "none");
    return words;
}

/* popen COMMAND: what it says, and how it ends. */
static char **by_popen(char **words)
{
    FILE *from = popen(words[0], "r");
    for (char line[512]; from && fgets(line, sizeof line, from);)
        say("popen: %s", line);
    say("pclose: %d\n", pclose(from));
    return words + 1;
}

const struct step steps_of_signals[] = {
    {"sigwait", by_sigwait},   {"sigwaitinfo", by_sigwaitinfo}, {"sigtimedwait", by_sigtimedwait},
    {"signalfd", by_signalfd}, {"unblock", unblock}, {"unblock_all", unblock_all}, {"queue_twice", queue_twice},           {"sighold", by_sighold},
    {"sigrelse", by_sigrelse}, {"query_altstack", query_altstack}, {"popen", by_popen},
    {0},
};
