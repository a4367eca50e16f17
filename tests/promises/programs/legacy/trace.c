/* Is its own child's tracer, and tells of the signal that ends it what no wait status says: its siginfo. */
#include "legacy.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* A siginfo is 128 bytes: signal, errno and code, and from the 16th byte on what belongs to the code. */
enum { FIRST = 4, MOST = 32 };

static const char *name_of(pid_t process, pid_t child)
{
    if (process == child)
        return "itself";
    if (process == getpid())
        return "its parent";
    return process == 0 ? "nobody" : "another";
}

static void say_info(const siginfo_t *info, pid_t child)
{
    int words[MOST];
    memcpy(words, info, sizeof words);
    say("signal %d errno %d code %d", info->si_signo, info->si_errno, info->si_code);
    int first = FIRST;
    /* Sent by a process, whose number is another one each time. */
    if (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL)
        say(" from %s", name_of(words[first++], child));
    for (; first < MOST; first++)
        say(" %x", (unsigned)words[first]);
    say("\n");
}

/* traced STEP... end: of what a child that does the steps dies. A signal may come more than once: the last one it is. */
static char **traced(char **words)
{
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        must((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME");
        raise(SIGSTOP);
        run(words);
        exit(returned < 0 ? 0 : returned);
    }
    siginfo_t last = {0};
    int status, is_first = 1;
    while (must(waitpid(child, &status, 0), "waitpid") && WIFSTOPPED(status)) {
        must((int)ptrace(PTRACE_GETSIGINFO, child, NULL, &last), "PTRACE_GETSIGINFO");
        long number = is_first ? 0 : WSTOPSIG(status);
        must((int)ptrace(PTRACE_CONT, child, NULL, (void *)number), "PTRACE_CONT");
        is_first = 0;
    }
    say("traced: wait status %x\n", (unsigned)status);
    say_info(&last, child);
    while (*words && strcmp(*words, "end") != 0)
        words++;
    return *words ? words + 1 : words;
}

const struct step steps_of_trace[] = {{"traced", traced}, {0}};
