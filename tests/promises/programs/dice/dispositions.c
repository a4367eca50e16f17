/* Sets dispositions and asks for them, in each way that there is. */
#include "dice.h"

#include "../past_the_headers.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

sighandler_t bsd_signal(int number, sighandler_t handler);
sighandler_t __sysv_signal(int number, sighandler_t handler);

static const int kinds[] = {SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_ONSTACK, SA_NOCLDWAIT, SA_NOCLDSTOP};

static bool wants_siginfo(sighandler_t handler)
{
    return strcmp(name_of(handler), "inform") == 0 || strcmp(name_of(handler), "context") == 0;
}

static struct sigaction any_action(sighandler_t handler)
{
    struct sigaction action = {.sa_handler = handler};
    for (size_t at = 0; at < sizeof kinds / sizeof kinds[0]; at++)
        if (roll(4) == 0)
            action.sa_flags |= kinds[at];
    if (wants_siginfo(handler) || roll(4) == 0)
        action.sa_flags |= SA_SIGINFO;
    if (roll(2))
        action.sa_mask = any_mask();
    return action;
}

static void say_action(const char *call, int number, int result, const struct sigaction *old)
{
    int code = errno;
    if (result != 0)
        say("%s %s: %d error %d\n", call, name_of_signal(number), result, code);
    else if (!old)
        say("%s %s: done\n", call, name_of_signal(number));
    else
        say("%s %s: %s flags %x mask %llx\n", call, name_of_signal(number), name_of(old->sa_handler),
            (unsigned)old->sa_flags & ~(unsigned)ADDED, (unsigned long long)bits(&old->sa_mask));
}

static void nothing(int number) { (void)number; }

static struct kernels_action as_kernels(const struct sigaction *action)
{
    /* The way back from a handler is the C library's, which it tells of any other signal. */
    struct kernels_action another = {0};
    sigaction(SIGURG, &(struct sigaction){.sa_handler = nothing}, NULL);
    past_the_library(SIGURG, NULL, &another);
    return (struct kernels_action){.handler = action->sa_handler, .flags = (unsigned)action->sa_flags | ADDED,
                                   .restorer = another.restorer, .mask = bits(&action->sa_mask)};
}

static void by_sigaction(int number, sighandler_t handler)
{
    struct sigaction old, new = any_action(handler);
    bool asks = roll(3) > 0;
    int result = sigaction(number, &new, asks ? &old : NULL);
    say_action("sigaction", number, result, asks ? &old : NULL);
    if (result == 0)
        noted(number, false, handler, new.sa_flags);
}

static void by_query(int number, sighandler_t handler)
{
    (void)handler;
    struct sigaction old;
    say_action("query", number, sigaction(number, NULL, &old), &old);
}

static void of_kernels(const char *call, int number, long result, const struct kernels_action *had)
{
    struct sigaction old = {.sa_handler = had->handler, .sa_flags = (int)had->flags};
    memcpy(&old.sa_mask, &had->mask, sizeof had->mask);
    say_action(call, number, (int)result, &old);
}

static void by_system_call(int number, sighandler_t handler)
{
    struct sigaction new = any_action(handler);
    struct kernels_action had = {0}, wanted = as_kernels(&new);
    unsigned way = roll(3);
    long result = syscall(SYS_rt_sigaction, number, way ? &wanted : NULL, way < 2 ? &had : NULL, sizeof had.mask);
    of_kernels("syscall", number, result, &had);
    if (result == 0 && way)
        noted(number, false, handler, new.sa_flags);
}

/* What is asked so may be the library's, and is not said. */
static void by_past(int number, sighandler_t handler)
{
    struct sigaction new = any_action(handler);
    struct kernels_action had, wanted = as_kernels(&new);
    unsigned way = roll(4);
    if (way == 0) {
        /* Put back at once what was there, as who asks for it before it decides. */
        past_the_library(number, &wanted, &had);
        say("past: %ld\n", past_the_library(number, &had, NULL));
        return;
    }
    long result = past_the_library(number, &wanted, NULL);
    say("past: %ld\n", result);
    if (result == 0)
        noted(number, true, handler, new.sa_flags);
}

static void say_old(const char *call, int number, sighandler_t old)
{
    int code = old == SIG_ERR ? errno : 0;
    say("%s %s: %s error %d\n", call, name_of_signal(number), name_of(old), code);
}

static void by_signal(int number, sighandler_t handler)
{
    sighandler_t old = signal(number, handler);
    say_old("signal", number, old);
    if (old != SIG_ERR)
        noted(number, false, handler, 0);
}

static void by_bsd(int number, sighandler_t handler)
{
    sighandler_t old = bsd_signal(number, handler);
    say_old("bsd_signal", number, old);
    if (old != SIG_ERR)
        noted(number, false, handler, 0);
}

static void by_sysv(int number, sighandler_t handler)
{
#ifdef __GLIBC__
    sighandler_t old = roll(2) ? sysv_signal(number, handler) : __sysv_signal(number, handler);
#else
    sighandler_t old = __sysv_signal(number, handler);
#endif
    say_old("sysv_signal", number, old);
    if (old != SIG_ERR)
        noted(number, false, handler, SA_RESETHAND);
}

static void by_sigset(int number, sighandler_t handler)
{
    handler = roll(3) ? handler : SIG_HOLD;
    sighandler_t old = sigset(number, handler);
    say_old("sigset", number, old);
    if (old != SIG_ERR && handler != SIG_HOLD)
        noted(number, false, handler, 0);
}

static void by_sigignore(int number, sighandler_t handler)
{
    (void)handler;
    int result = sigignore(number);
    say("sigignore %s: %d\n", name_of_signal(number), result);
    if (result == 0)
        noted(number, false, SIG_IGN, 0);
}

static void by_siginterrupt(int number, sighandler_t handler)
{
    (void)handler;
    say("siginterrupt %s: %d\n", name_of_signal(number), siginterrupt(number, (int)roll(2)));
}

#ifdef HAS_OLD_SIGVEC
static void by_sigvec(int number, sighandler_t handler)
{
    sigset_t mask = any_mask();
    struct old_sigvec had = {0}, wanted = {handler, (int)bits(&mask), (int)roll(8)};
    bool is_new = roll(3) > 0;
    int result = old_sigvec(number, is_new ? &wanted : NULL, &had);
    say("sigvec %s: %d %s mask %x flags %x\n", name_of_signal(number), result, name_of(had.handler), (unsigned)had.mask,
        (unsigned)had.flags);
    if (result == 0 && is_new)
        noted(number, false, handler, wanted.flags & 4 ? SA_RESETHAND : 0);
}
#endif

static void (*const ways[])(int number, sighandler_t handler) = {
    by_sigaction, by_sigaction, by_sigaction, by_query,     by_system_call, by_system_call,  by_past, by_signal,
    by_signal,    by_bsd,       by_sysv,      by_sigset,    by_sigignore,   by_siginterrupt,
#ifdef HAS_OLD_SIGVEC
    by_sigvec,
#endif
};

void set_one(void)
{
    /* Some are no signals, or can have no disposition. */
    static const int wrong[] = {0, -1, 65, SIGKILL, SIGSTOP, 32, 33};
    int number = roll(20) ? any_signal() : wrong[roll(7)];
    sighandler_t handler = any_handler();
    /* These look at what only SA_SIGINFO passes. */
    unsigned way = roll(wants_siginfo(handler) ? 5 : sizeof ways / sizeof ways[0]);
    ways[way](number, handler);
}

static void set_several(void)
{
    for (unsigned left = 1 + roll(6); left > 0; left--)
        set_one();
}

/* Most daemons do not die of the first signal. */
void set_many(void)
{
    for (unsigned at = 0; at < SIGNALS; at++)
        if (roll(4))
            by_sigaction(nth_signal(at), any_handler());
}

/* Not with SA_RESETHAND: which of two handlers is called that are set in the moment of the signal is decided (docs/decisions.md). */
void set_from_handler(int number, uint64_t what)
{
    static const char *const names[] = {"DFL", "IGN", "count", "other", "again", "jump"};
    const char *name = names[roll_for(what + 2, 6)];
    struct sigaction old, new = {.sa_handler = SIG_DFL};
    sighandler_t found = handler_called(name);
    new.sa_handler = found;
    if (roll_for(what + 3, 2)) {
        int result = sigaction(number, &new, &old);
        noted(number, false, found, 0);
        say_action("  sigaction", number, result, &old);
    } else {
        sighandler_t before = signal(number, found);
        noted(number, false, found, 0);
        say_old("  signal", number, before);
    }
}

/* The same one once more. */
void set_anew_from_handler(int number, sighandler_t handler)
{
    sighandler_t old = __sysv_signal(number, handler);
    noted(number, false, handler, SA_RESETHAND);
    say_old("  sysv_signal", number, old);
}

sighandler_t handler_of(int number, int *flags)
{
    struct sigaction now;
    must(sigaction(number, NULL, &now), "sigaction");
    *flags = now.sa_flags;
    return now.sa_handler;
}

bool does_something(int number)
{
    int flags;
    sighandler_t handler = handler_of(number, &flags);
    return handler != SIG_IGN && !(handler == SIG_DFL && (number == SIGCHLD || number == SIGWINCH));
}

const struct step steps_of_dispositions[] = {{"set", 30, set_several}, {0}};
