/* Sends signals to itself, blocks them and waits for them. */
#include "dice.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int numbers[SIGNALS - 1] = {SIGTERM, SIGINT,  SIGHUP,   SIGUSR1, SIGUSR2, SIGALRM,
                                         SIGCHLD, SIGPIPE, SIGWINCH, SIGSEGV, SIGABRT, SIGQUIT};

int nth_signal(unsigned at) { return at < SIGNALS - 1 ? numbers[at] : SIGRTMIN; }
int any_signal(void) { return nth_signal(roll(SIGNALS)); }

const char *name_of_signal(int number)
{
    static __thread char other[16];
    static const char *const names[SIGNALS - 1] = {"TERM", "INT",  "HUP",   "USR1", "USR2", "ALRM",
                                                   "CHLD", "PIPE", "WINCH", "SEGV", "ABRT", "QUIT"};
    for (unsigned at = 0; at < SIGNALS - 1; at++)
        if (numbers[at] == number)
            return names[at];
    snprintf(other, sizeof other, "%d", number);
    return other;
}

uint64_t bits(const sigset_t *set)
{
    uint64_t first;
    memcpy(&first, set, sizeof first);
    return first;
}

sigset_t only(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

sigset_t any_mask(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (unsigned left = roll(5); left > 0; left--)
        sigaddset(&set, any_signal());
    return set;
}

bool is_pending(int number)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, number) == 1;
}

void say_all(void)
{
    char line[1024];
    int length = 0;
    for (unsigned at = 0; at < SIGNALS; at++) {
        struct sigaction now;
        sigaction(nth_signal(at), NULL, &now);
        unsigned flags = (unsigned)now.sa_flags & ~(unsigned)ADDED;
        if (now.sa_handler != SIG_DFL || flags || bits(&now.sa_mask))
            length += snprintf(line + length, sizeof line - (size_t)length, " %s=%s/%x/%llx",
                               name_of_signal(nth_signal(at)), name_of(now.sa_handler), flags,
                               (unsigned long long)bits(&now.sa_mask));
    }
    sigset_t blocked, pending;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    sigpending(&pending);
    say("has%.*s blocked %llx pending %llx\n", length, line, (unsigned long long)bits(&blocked),
        (unsigned long long)bits(&pending));
}

/* Mostly one that does not end the process: its life is to be longer than that. */
static int gentle_signal(void)
{
    int number = any_signal(), flags;
    for (unsigned tries = roll(5); tries > 0 && does_something(number) && handler_of(number, &flags) == SIG_DFL; tries--)
        number = any_signal();
    return number;
}

static void send_by(unsigned way, int number)
{
    int result = 0;
    errno = 0;
    if (way == 0)
        result = raise(number);
    else if (way == 1)
        result = kill(getpid(), number);
    else if (way == 2)
        result = sigqueue(getpid(), number, (union sigval){.sival_int = (int)roll(100)});
    else if (way == 3)
        result = pthread_kill(pthread_self(), number);
    else
        result = (int)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
    int code = errno;
    say("sent %s by %u: %d error %d\n", name_of_signal(number), way, result, code);
}

static void send_one(void)
{
    unsigned way = roll(5);
    send_by(way, gentle_signal());
}

static void mask_one(void)
{
    static const int hows[] = {SIG_BLOCK, SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK};
    sigset_t set = any_mask(), old;
    int how = hows[roll(4)];
    int result = roll(2) ? sigprocmask(how, &set, &old) : pthread_sigmask(how, &set, &old);
    say("mask %d: %d was %llx\n", how, result, (unsigned long long)bits(&old));
}

static void hold_one(void)
{
    int number = any_signal();
    int result = roll(2) ? sighold(number) : sigrelse(number);
    say("hold or release %s: %d\n", name_of_signal(number), result);
}

/* Several are blocked, come, and are let through at once. */
static void several_at_once(void)
{
    sigset_t set, old;
    sigemptyset(&set);
    int sent[4];
    unsigned count = 2 + roll(3);
    for (unsigned at = 0; at < count; at++)
        sigaddset(&set, sent[at] = gentle_signal());
    pthread_sigmask(SIG_BLOCK, &set, &old);
    for (unsigned at = 0; at < count; at++)
        send_by(roll(5), sent[at]);
    say_all();
    pthread_sigmask(roll(2) ? SIG_UNBLOCK : SIG_SETMASK, roll(2) ? &set : &old, NULL);
}

/* One is let through only while the process waits for it. */
static void wait_with_mask(void)
{
    int number = gentle_signal();
    sigset_t block = only(number), within = any_mask();
    sigdelset(&within, number);
    pthread_sigmask(SIG_BLOCK, &block, NULL);
    if (!does_something(number)) {
        say("not waited\n");
        return;
    }
    send_by(roll(5), number);
    int result, code;
    unsigned way = roll(3);
    errno = 0;
    if (way == 0)
        result = sigsuspend(&within);
    else if (way == 1)
        result = ppoll(NULL, 0, NULL, &within);
    else
        result = pselect(0, NULL, NULL, NULL, NULL, &within);
    code = errno;
    say("waited: %d error %d\n", result, code);
}

/* What waits is taken without being let through. */
static void take_pending(void)
{
    sigset_t set = any_mask();
    siginfo_t info = {0};
    errno = 0;
    int result = sigtimedwait(&set, &info, &(struct timespec){0}), code = errno;
    say("taken: %d error %d code %d\n", result, code, result > 0 ? info.si_code : 0);
}

/* It has run out before it is let through. */
static void timer(void)
{
    unsigned way = roll(3);
    int number = way == 0 ? SIGALRM : gentle_signal();
    sigset_t block = only(number), old;
    pthread_sigmask(SIG_BLOCK, &block, &old);
    if (is_pending(number)) {
        say("pending already\n");
        return;
    }
    timer_t timer;
    if (way == 0) {
        setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 200}}, NULL);
    } else {
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value = {.sival_int = 42}};
        must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
        timer_settime(timer, 0, &(struct itimerspec){.it_value = {.tv_nsec = 200000}}, NULL);
    }
    while (!is_pending(number))
        syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 100000}, NULL);
    say_all();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (roll(2))
        pthread_sigmask(SIG_UNBLOCK, &block, NULL);
}

static void alternate_stack(void)
{
    static char stacks[2][64 * 1024] __attribute__((aligned(64)));
    static const int flags[] = {0, 0, SS_DISABLE, (int)(1U << 31)};
    unsigned which = roll(2);
    stack_t old, new = {.ss_sp = stacks[which], .ss_size = sizeof stacks[which], .ss_flags = flags[roll(4)]};
    errno = 0;
    int result = sigaltstack(roll(4) ? &new : NULL, &old), code = errno;
    say("sigaltstack: %d error %d, had %u flags %x\n", result, code, (unsigned)old.ss_size, (unsigned)old.ss_flags);
}

/* Only with a handler that does not return to it for ever. */
static void fault(void)
{
    int flags;
    sighandler_t handler = handler_of(SIGSEGV, &flags);
    bool is_handler = handler != SIG_DFL && handler != SIG_IGN;
    if (is_handler && !(flags & SA_RESETHAND && !sets_itself(handler)) && !(is_jump(handler) && may_jump)) {
        say("no fault\n");
        return;
    }
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    /* Then the kernel ends it, whatever is set. */
    if (handler == SIG_IGN || sigismember(&blocked, SIGSEGV))
        is_guards();
    volatile int *volatile nowhere = (int *)(uintptr_t)(16 * roll(4));
    *nowhere = 1;
}

static void another_pidfile(void)
{
    if (!is_made)
        return;
    make(words[3]);
    /* If it executes itself, it makes that anew as well. */
    setenv("DICE_ANOTHER", "1", 1);
}

const struct step steps_of_signals[] = {
    {"send", 10, send_one},         {"mask", 8, mask_one},          {"hold", 3, hold_one},
    {"several", 6, several_at_once}, {"wait", 5, wait_with_mask},    {"take", 3, take_pending},
    {"timer", 2, timer},            {"stack", 4, alternate_stack},  {"fault", 1, fault},
    {"another", 1, another_pidfile}, {0},
};
