/* Sets dispositions and asks for them, raises signals, and tells what a handler saw. */
#include "legacy.h"
#include "../past_the_headers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __GLIBC__
int __sigaction(int number, const struct sigaction *new, struct sigaction *old);
#endif
sighandler_t bsd_signal(int number, sighandler_t handler);
sighandler_t __sysv_signal(int number, sighandler_t handler);

/* What handlers saw. */
static volatile sig_atomic_t runs, last, on_stack;
static siginfo_t informed_of;
static uint64_t blocked_within;
static char *stack;
enum { STACK = 64 * 1024 };

static uint64_t bits(const sigset_t *set)
{
    uint64_t first;
    memcpy(&first, set, sizeof first);
    return first;
}

static void count(int number)
{
    sigset_t blocked;
    char here;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    blocked_within = bits(&blocked);
    on_stack = &here >= stack && &here < stack + STACK;
    last = number;
    runs++;
}

static void other(int number) { count(number); }

static void inform(int number, siginfo_t *info, void *context)
{
    (void)context;
    informed_of = *info;
    count(number);
}

/* As Apache does it: with SA_RESETHAND, the signal waits until the handler has returned. */
static void again(int number)
{
    count(number);
    kill(getpid(), number);
}

/* As redis does it: back to the default by itself, then once more. */
static void resign(int number)
{
    struct sigaction standard = {.sa_handler = SIG_DFL, .sa_flags = SA_NODEFER | SA_RESETHAND};
    count(number);
    sigaction(number, &standard, NULL);
    kill(getpid(), number);
}

/* The first of two that end the daemon goes back to the default for both: a second one is to end it at once. */
static void farewell(int number)
{
    count(number);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

/* Leaves as a handler for SIGTERM may. */
static void leave(int number)
{
    count(number);
    _exit(5);
}

static const struct {
    const char *name;
    sighandler_t handler;
} handlers[] = {
    {"SIG_DFL", SIG_DFL}, {"SIG_IGN", SIG_IGN}, {"SIG_HOLD", SIG_HOLD}, {"SIG_ERR", SIG_ERR},
    {"count", count},     {"other", other},     {"again", again},       {"resign", resign},
    {"leave", leave},     {"inform", (sighandler_t)(void *)inform},
    {"farewell", farewell}, {0},
};

static const char *name_of(sighandler_t handler)
{
    for (size_t at = 0; handlers[at].name; at++)
        if (handlers[at].handler == handler)
            return handlers[at].name;
    return "a stranger";
}

static const struct {
    const char *name;
    unsigned value;
} flags[] = {
    {"0", 0},
    {"restart", SA_RESTART},
    {"resethand", SA_RESETHAND},
    {"nodefer", SA_NODEFER},
    {"onstack", SA_ONSTACK},
    {"resethand+nodefer", SA_RESETHAND | SA_NODEFER},
    {"resethand+restart", SA_RESETHAND | SA_RESTART},
    {"resethand+onstack", SA_RESETHAND | SA_ONSTACK},
    {"info", SA_SIGINFO},
    {"info+resethand", SA_SIGINFO | SA_RESETHAND},
    {0},
};

/* The C library adds to the flags how the kernel comes back from a handler, and forgets to take it away from one
 * that is none. The program never sees to that. */
enum { ADDED = 0x04000000 };

static void say_action(const char *call, int number, int result, const struct sigaction *old)
{
    if (result != 0) {
        say("%s %d: error %d\n", call, number, errno);
        return;
    }
    const char *back = "no matter";
#if defined(__GLIBC__) && defined(__x86_64__)
    /* Others do not tell; nor does it elsewhere, where it has none of its own: that is what lay in memory. */
    if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
        back = old->sa_restorer ? "a restorer" : "no restorer";
#endif
    say("%s %d: %s flags %x mask %lx, %s\n", call, number, name_of(old->sa_handler),
        (unsigned)old->sa_flags & ~(unsigned)ADDED, (unsigned long)bits(&old->sa_mask), back);
}

static int ignore(int number, sighandler_t handler)
{
    (void)handler;
    return sigignore(number);
}

static int interrupt(int number, sighandler_t handler)
{
    return siginterrupt(number, handler == SIG_DFL);
}

#ifdef SYS_rt_sigaction
static int by_system_call(int number, const struct sigaction *new, struct sigaction *old)
{
    struct kernels_action another = {0}, wanted = {0}, had = {0};
    sigaction(SIGWINCH, &(struct sigaction){.sa_handler = count}, NULL);
    syscall(SYS_rt_sigaction, SIGWINCH, NULL, &another, sizeof another.mask);
    if (new)
        wanted = (struct kernels_action){.handler = new->sa_handler, .flags = (unsigned)new->sa_flags | ADDED,
                                         .restorer = another.restorer, .mask = bits(&new->sa_mask)};
    int result = (int)syscall(SYS_rt_sigaction, number, new ? &wanted : NULL, old ? &had : NULL, sizeof had.mask);
    if (result == 0 && old) {
        old->sa_handler = had.handler;
        old->sa_flags = (int)had.flags;
        old->sa_restorer = had.restorer;
        memcpy(&old->sa_mask, &had.mask, sizeof had.mask);
    }
    return result;
}
#endif

#ifdef HAS_OLD_SIGVEC
static int by_sigvec(int number, const struct sigaction *new, struct sigaction *old)
{
    struct old_sigvec wanted = {0}, had = {0};
    if (new)
        wanted = (struct old_sigvec){new->sa_handler, (int)bits(&new->sa_mask),
                                     (new->sa_flags & SA_ONSTACK ? 1 : 0) | (new->sa_flags & SA_RESTART ? 0 : 2) |
                                         (new->sa_flags & SA_RESETHAND ? 4 : 0)};
    int result = old_sigvec(number, new ? &wanted : NULL, &had);
    if (result == 0 && old)
        *old = (struct sigaction){.sa_handler = had.handler, .sa_flags = had.flags};
    return result;
}
#endif

#ifdef SYS_rt_sigaction
static struct kernels_action displaced;

/* Wants no signal itself: it is for who was there before, and if nobody was, ends the daemon. */
static void pass(int number, siginfo_t *info, void *context)
{
    count(number);
    if (displaced.handler != SIG_DFL) {
        ((void (*)(int, siginfo_t *, void *))(void *)displaced.handler)(number, info, context);
        return;
    }
    past_the_library(number, &(struct kernels_action){0}, NULL);
    raise(number);
}

/* pass_on SIGNAL */
static char **pass_on(char **words)
{
    struct kernels_action wanted = {0};
    sigaction(SIGWINCH, &(struct sigaction){.sa_handler = count}, NULL);
    past_the_library(SIGWINCH, NULL, &wanted);
    wanted.handler = (sighandler_t)(void *)pass;
    wanted.flags = SA_SIGINFO | ADDED;
    must((int)past_the_library(atoi(words[0]), &wanted, &displaced), "rt_sigaction");
    return words + 1;
}
#endif

static const struct {
    const char *name;
    int (*action)(int number, const struct sigaction *new, struct sigaction *old);
    sighandler_t (*signal)(int number, sighandler_t handler);
    int (*plain)(int number, sighandler_t handler);
} calls[] = {
    {"sigaction", sigaction, 0, 0},
    {"signal", 0, signal, 0},
    {"bsd_signal", 0, bsd_signal, 0},
    {"__sysv_signal", 0, __sysv_signal, 0},
    {"sigset", 0, sigset, 0},
    {"sigignore", 0, 0, ignore},
    {"siginterrupt", 0, 0, interrupt},
#ifdef SYS_rt_sigaction
    {"system_call", by_system_call, 0, 0},
#endif
#ifdef HAS_OLD_SIGVEC
    {"sigvec", by_sigvec, 0, 0},
#endif
#ifdef __GLIBC__
    {"__sigaction", __sigaction, 0, 0},
    {"ssignal", 0, ssignal, 0},
    {"sysv_signal", 0, sysv_signal, 0},
#endif
    {0},
};

/* set CALL SIGNAL HANDLER FLAGS: the flags count for sigaction. SIGUSR1 is in its mask. */
static char **set(char **words)
{
    __typeof__(&calls[0]) call = find(calls, words[0]);
    int number = atoi(words[1]);
    sighandler_t handler = find(handlers, words[2])->handler;
    if (call->action) {
        struct sigaction old, new = {.sa_handler = handler, .sa_flags = (int)find(flags, words[3])->value};
        sigaddset(&new.sa_mask, SIGUSR1);
        int result = call->action(number, &new, &old);
        say_action(words[0], number, result, &old);
    } else if (call->signal) {
        say("%s %d: %s\n", words[0], number, name_of(call->signal(number, handler)));
    } else {
        say("%s %d: %d\n", words[0], number, call->plain(number, handler));
    }
    return words + 4;
}

static void query_by(const char *call, int number)
{
    struct sigaction old = {0};
    int result = find(calls, call)->action(number, NULL, &old);
    say_action(call, number, result, &old);
}

/* query SIGNAL */
static char **query(char **words)
{
    query_by("sigaction", atoi(words[0]));
#ifdef __GLIBC__
    query_by("__sigaction", atoi(words[0]));
#endif
    return words + 1;
}

/* query_by CALL SIGNAL */
static char **query_by_call(char **words)
{
    query_by(words[0], atoi(words[1]));
    return words + 2;
}

/* query_all: wrong numbers too. */
static char **query_all(char **words)
{
    for (int number = -1; number <= 66; number++)
        query_by("sigaction", number);
    return words;
}

/* raise SIGNAL */
static char **by_raise(char **words)
{
    raise(atoi(words[0]));
    return words + 1;
}

/* queue SIGNAL VALUE */
static char **queue(char **words)
{
    sigqueue(getpid(), atoi(words[0]), (union sigval){.sival_int = atoi(words[1])});
    return words + 2;
}

/* raise_in_thread SIGNAL */
static char **raise_in_thread(char **words)
{
    pthread_kill(pthread_self(), atoi(words[0]));
    return words + 1;
}

/* send PID SIGNAL */
static char **send_it(char **words)
{
    must(kill(atoi(words[0]), atoi(words[1])), "kill");
    return words + 2;
}

/* send_queued PID SIGNAL */
static char **send_queued(char **words)
{
    must(sigqueue(atoi(words[0]), atoi(words[1]), (union sigval){.sival_int = 5}), "sigqueue");
    return words + 2;
}

/* altstack: has one from now on. */
static char **altstack(char **words)
{
    /* Nothing that overflows beside it runs into it. */
    stack = (char *)mmap(NULL, 3 * STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + STACK;
    must(mprotect(stack, STACK, PROT_READ | PROT_WRITE), "mprotect");
    must(sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = STACK}, NULL), "sigaltstack");
    return words;
}

/* small_altstack: has one on which the kernel's frame just fits and a handler can do very little, and nothing below. */
static char **small_altstack(char **words)
{
    enum { MINSIGSTKSZ_OF_KERNEL = 51, LITTLE = 1024, OLD = 2048 };
    unsigned long frame = getauxval(MINSIGSTKSZ_OF_KERNEL);
    size_t size = (((frame ? frame : OLD) + LITTLE) | 63) + 1;
    char *pages = mmap(NULL, 2 * STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(mprotect(pages + STACK, STACK, PROT_READ | PROT_WRITE), "mprotect");
    /* At the bottom of what may be written. */
    must(sigaltstack(&(stack_t){.ss_sp = pages + STACK, .ss_size = size}, NULL), "sigaltstack");
    return words;
}

/* ran: what the handlers saw, so far. */
static char **ran(char **words)
{
    say("ran %d times, last for %d, blocked %lx, %s\n", runs, last, (unsigned long)blocked_within,
        on_stack ? "on the alternate stack" : "on the stack");
    say("informed of %d code %d value %d from %s\n", informed_of.si_signo, informed_of.si_code,
        informed_of.si_value.sival_int, informed_of.si_pid == getpid() ? "itself" : "another");
    return words;
}

const struct step steps_of_disposition[] = {
    {"set", set},           {"query", query},
    {"query_by", query_by_call},
    {"raise", by_raise},    {"query_all", query_all},
    {"queue", queue},       {"raise_in_thread", raise_in_thread},
    {"send", send_it},      {"send_queued", send_queued},
    {"altstack", altstack}, {"small_altstack", small_altstack},
    {"ran", ran},
#ifdef SYS_rt_sigaction
    {"pass_on", pass_on},
#endif
    {0},
};
