/* The handlers: each tells all that it was called with. */
#include "dice.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

sigjmp_buf landing;
volatile sig_atomic_t may_jump;
volatile uint64_t past, once;
bool is_child;
/* How often handlers may raise a signal again: each has its end. */
static volatile sig_atomic_t runs, again_left = 12;

void say_guards(void)
{
    static uint64_t said = ~(uint64_t)0;
    if (!is_child && said != (past | once)) {
        said = past | once;
        say("guard's %llx\n", (unsigned long long)said);
    }
}

static uint64_t bit(int number) { return (uint64_t)1 << (number - 1); }

void noted(int number, bool past_the_library, sighandler_t handler, int flags)
{
    if (number < 1 || number > 64)
        return;
    bool is_handler = handler != SIG_DFL && handler != SIG_IGN;
    past &= ~bit(number);
    once &= ~bit(number);
    if (past_the_library && (handler == SIG_DFL || (is_handler && flags & SA_RESETHAND)))
        past |= bit(number);
    if (is_handler && flags & SA_RESETHAND)
        once |= bit(number);
    say_guards();
}

void is_guards(void)
{
    past = ~(uint64_t)0;
    say_guards();
}

/* What any handler says. The library has been asked by now what the kernel has. */
static void called(const char *name, int number)
{
    sigset_t blocked;
    stack_t stack;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    sigaltstack(NULL, &stack);
    say("%s of %s, blocked %llx, stack %x\n", name, name_of_signal(number), (unsigned long long)bits(&blocked),
        (unsigned)stack.ss_flags);
    once &= ~bit(number);
    say_guards();
    /* A fault whose handler another one has set comes for ever. */
    if (runs++ > 200) {
        say("too many\n");
        _exit(4);
    }
    /* A handler that keeps it does not show what the library does with it. */
    errno = 4242;
}

static uint64_t this_run(int number) { return (uint64_t)runs << 8 | (unsigned)number; }

static void count(int number) { called("count", number); }
static void other(int number) { called("other", number); }

static void inform(int number, siginfo_t *info, void *context)
{
    (void)context;
    called("inform", number);
    const char *from = info->si_pid == getpid() ? "itself" : "another";
    say("  signo %d code %d errno %d", info->si_signo, info->si_code, info->si_errno);
    if (number == SIGCHLD && info->si_code > 0)
        say(" status %d\n", info->si_status);
    else if (info->si_code == SI_TIMER || info->si_code == SI_QUEUE)
        say(" value %d\n", info->si_value.sival_int);
    else if (info->si_code <= 0)
        say(" uid %d from %s\n", info->si_uid, from);
    else
        say(" at %p\n", number == SIGSEGV ? info->si_addr : NULL);
}

/* Changes what it returns to. */
static void context(int number, siginfo_t *info, void *context)
{
    sigset_t *mask = &((ucontext_t *)context)->uc_sigmask;
    inform(number, info, context);
    say("  returns to mask %llx\n", (unsigned long long)bits(mask));
    int which = nth_signal(roll_for(this_run(number), SIGNALS));
    if (roll_for(this_run(number) + 1, 2))
        sigaddset(mask, which);
    else
        sigdelset(mask, which);
}

static void sets(int number)
{
    called("sets", number);
    set_from_handler(nth_signal(roll_for(this_run(number), SIGNALS)), this_run(number));
}

static void again(int number)
{
    called("again", number);
    if (again_left > 0) {
        again_left--;
        kill(getpid(), number);
    }
}

/* As handlers for System V do it. */
static void anew(int number)
{
    called("anew", number);
    set_anew_from_handler(number, anew);
}

/* As redis does it: back to the default by itself, then once more. */
static void resign(int number)
{
    struct sigaction standard = {.sa_handler = SIG_DFL, .sa_flags = SA_NODEFER | SA_RESETHAND};
    called("resign", number);
    sigaction(number, &standard, NULL);
    noted(number, false, SIG_DFL, 0);
    kill(getpid(), number);
}

static void raises(int number)
{
    called("raises", number);
    if (again_left > 0) {
        again_left--;
        raise(nth_signal(roll_for(this_run(number), SIGNALS)));
    }
    say("raised from %s\n", name_of_signal(number));
}

static void jump(int number)
{
    called("jump", number);
    if (may_jump) {
        may_jump = 0;
        siglongjmp(landing, 1);
    }
}

static void leave(int number)
{
    called("leave", number);
    _exit(5);
}

static const struct {
    const char *name;
    sighandler_t handler;
    unsigned weight;
} handlers[] = {
    {"DFL", SIG_DFL, 8},
    {"IGN", SIG_IGN, 3},
    {"count", count, 3},
    {"other", other, 3},
    {"inform", (sighandler_t)(void *)inform, 3},
    {"context", (sighandler_t)(void *)context, 2},
    {"sets", sets, 3},
    {"again", again, 3},
    {"anew", anew, 2},
    {"resign", resign, 1},
    {"raises", raises, 2},
    {"jump", jump, 3},
    {"leave", leave, 1},
    {"HOLD", SIG_HOLD, 0},
    {"ERR", SIG_ERR, 0},
};
enum { HANDLERS = sizeof handlers / sizeof handlers[0] };

sighandler_t any_handler(void)
{
    unsigned sum = 0;
    for (size_t at = 0; at < HANDLERS; at++)
        sum += handlers[at].weight;
    unsigned thrown = roll(sum);
    size_t at = 0;
    while (thrown >= handlers[at].weight)
        thrown -= handlers[at++].weight;
    return handlers[at].handler;
}

bool is_jump(sighandler_t handler) { return handler == jump; }
bool sets_itself(sighandler_t handler) { return handler == anew || handler == sets; }

const char *name_of(sighandler_t handler)
{
    for (size_t at = 0; at < HANDLERS; at++)
        if (handlers[at].handler == handler)
            return handlers[at].name;
    return "a stranger";
}

sighandler_t handler_called(const char *name)
{
    size_t at = 0;
    while (strcmp(handlers[at].name, name) != 0)
        at++;
    return handlers[at].handler;
}
