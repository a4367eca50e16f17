/* The ways to die while waiting: a timer runs out, a terminal speaks, a signal is let through. */
#include "legacy.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void wait_for_it(void)
{
    for (;;)
        pause();
}

static void by_alarm(void)
{
    alarm(1);
    wait_for_it();
}

static void by_itimer(int which)
{
    struct itimerval soon = {.it_value = {.tv_usec = 1000}};
    setitimer(which, &soon, NULL);
    for (;;)
        if (which == ITIMER_REAL)
            pause();
}

static void by_itimer_real(void) { by_itimer(ITIMER_REAL); }
static void by_itimer_virtual(void) { by_itimer(ITIMER_VIRTUAL); }
static void by_itimer_prof(void) { by_itimer(ITIMER_PROF); }

static void start_timer(int number)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value = {.sival_int = 42}};
    struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
    timer_t timer;
    must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
    timer_settime(timer, 0, &soon, NULL);
}

static void by_timer(void)
{
    start_timer(SIGRTMIN + 3);
    wait_for_it();
}

int own_terminal(void)
{
    int other_side = must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
    must(grantpt(other_side), "grantpt");
    must(unlockpt(other_side), "unlockpt");
    must(setsid(), "setsid");
    int terminal = must(open(ptsname(other_side), O_RDWR), "open the terminal");
    must(ioctl(terminal, TIOCSCTTY, 0), "TIOCSCTTY");
    return other_side;
}

static void by_ctrl_c(void)
{
    (void)!write(own_terminal(), "\003", 1);
    wait_for_it();
}

/* What comes is let through in one place only, which a core dump then shows. */
static void block(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void wait_for_what_is_blocked(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none);
}

static void by_ctrl_backslash(void)
{
    block(SIGQUIT);
    (void)!write(own_terminal(), "\034", 1);
    wait_for_what_is_blocked();
}

static void by_timer_that_quits(void)
{
    block(SIGQUIT);
    start_timer(SIGQUIT);
    wait_for_what_is_blocked();
}

/* It counts whole seconds. */
static void by_cpu_limit(void)
{
    must(setrlimit(RLIMIT_CPU, &(struct rlimit){1, RLIM_INFINITY}), "RLIMIT_CPU");
    for (;;)
        ;
}

static void by_hangup(void)
{
    close(own_terminal());
    wait_for_it();
}

/* The signal is pending and blocked, and let through only while the process waits. */
static const sigset_t *blocked_but_pending(void)
{
    static sigset_t term, none;
    sigemptyset(&none);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    kill(getpid(), SIGTERM);
    return &none;
}

static void in_sigsuspend(void) { sigsuspend(blocked_but_pending()); }
static void in_ppoll(void) { ppoll(NULL, 0, NULL, blocked_but_pending()); }
static void in_pselect(void) { pselect(0, NULL, NULL, NULL, NULL, blocked_but_pending()); }

static void in_epoll_pwait(void)
{
    struct epoll_event event;
    int epoll = must(epoll_create1(0), "epoll_create1");
    epoll_pwait(epoll, &event, 1, -1, blocked_but_pending());
}

static void by_unblocking(void) { sigprocmask(SIG_SETMASK, blocked_but_pending(), NULL); }

const struct way ways_by_waiting[] = {
    {"alarm", by_alarm},
    {"itimer_real", by_itimer_real},
    {"itimer_virtual", by_itimer_virtual},
    {"itimer_prof", by_itimer_prof},
    {"timer", by_timer},
    {"timer_that_quits", by_timer_that_quits},
    {"cpu_limit", by_cpu_limit},
    {"ctrl_c", by_ctrl_c},
    {"ctrl_backslash", by_ctrl_backslash},
    {"hangup", by_hangup},
    {"sigsuspend", in_sigsuspend},
    {"ppoll", in_ppoll},
    {"pselect", in_pselect},
    {"epoll_pwait", in_epoll_pwait},
    {"unblocking", by_unblocking},
    {0},
};
