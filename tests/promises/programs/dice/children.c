/* Has children and threads, executes itself, and ends. */
#include "dice.h"

#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int show(void)
{
    char line[1024];
    int length = 0;
    for (int number = 1; number <= 64; number++) {
        struct sigaction now = {0};
        if (sigaction(number, NULL, &now) == 0 && (now.sa_handler != SIG_DFL || bits(&now.sa_mask)))
            length += snprintf(line + length, sizeof line - (size_t)length, " %d=%s", number, name_of(now.sa_handler));
    }
    sigset_t blocked, pending;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    sigpending(&pending);
    say("begins with%.*s blocked %llx pending %llx\n", length, line, (unsigned long long)bits(&blocked),
        (unsigned long long)bits(&pending));
    return 0;
}

/* All signals wait while there is a child: when its end is told is the kernel's to say. */
static void block_all(sigset_t *old)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, old);
}

static void say_end(pid_t child)
{
    int status = 0;
    pid_t reaped = waitpid(child, &status, 0);
    int code = errno;
    if (reaped < 0)
        say("child: error %d\n", code);
    else
        say("child: status %x\n", (unsigned)status);
    if (is_made)
        say("pidfile: %d\n", access(words[2], F_OK));
}

static void by_fork(void)
{
    sigset_t old;
    block_all(&old);
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        is_child = true;
        may_jump = 0;
        say_all();
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        for (unsigned left = roll(4); left > 0; left--)
            small_step();
        say_all();
        kill(getpid(), any_signal());
        say_all();
        if (roll(2))
            exit(6);
        _exit(6);
    }
    say_end(child);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static char *shows[] = {NULL, "show", NULL};

/* In our memory, where handlers know nothing of it. */
static void by_vfork(void)
{
    sigset_t old;
    uint64_t past_before = past, once_before = once;
    int jump_before = may_jump;
    unsigned sets = roll(3), end = roll(4);
    shows[0] = words[0];
    may_jump = 0;
    block_all(&old);
    pid_t child = vfork();
    if (child == 0) {
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        while (sets-- > 0)
            set_one();
        say_all();
        if (end == 0)
            kill(getpid(), any_signal());
        if (end == 1)
            _exit(6);
        execve("/proc/self/exe", shows, environ);
        _exit(7);
    }
    past = past_before;
    once = once_before;
    say_end(child);
    say_guards();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    may_jump = jump_before;
    say_all();
}

static void by_spawn(void)
{
    sigset_t old, set = any_mask();
    posix_spawnattr_t how;
    posix_spawnattr_init(&how);
    short flags = 0;
    if (roll(2)) {
        posix_spawnattr_setsigdefault(&how, &set);
        flags |= POSIX_SPAWN_SETSIGDEF;
    }
    if (roll(2)) {
        sigset_t mask = any_mask();
        posix_spawnattr_setsigmask(&how, &mask);
        flags |= POSIX_SPAWN_SETSIGMASK;
    }
    posix_spawnattr_setflags(&how, flags);
    shows[0] = words[0];
    block_all(&old);
    pid_t child = 0;
    int result = posix_spawn(&child, words[0], NULL, &how, shows, environ);
    say_end(child);
    say("posix_spawn: %d\n", result);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    posix_spawnattr_destroy(&how);
}

/* The shell's own end may be by a signal. */
static void by_shell(void)
{
    static const int ends[] = {0, SIGTERM, SIGINT, SIGQUIT};
    char command[4200];
    sigset_t old;
    snprintf(command, sizeof command, "'%s' show; kill -%d $$", words[0], ends[roll(4)]);
    may_jump = 0;
    block_all(&old);
    if (roll(2)) {
        int result = system(command), code = errno;
        say("system: %x error %d\n", (unsigned)result, result == -1 ? code : 0);
    } else {
        char line[1024];
        FILE *stream = popen(command, "r");
        while (fgets(line, sizeof line, stream))
            say("popen: %s", line);
        int result = pclose(stream), code = errno;
        say("pclose: %x error %d\n", (unsigned)result, result == -1 ? code : 0);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* It gets what is sent to the process: in the first thread all signals wait. */
static void *in_thread(void *mask)
{
    pthread_sigmask(SIG_SETMASK, mask, NULL);
    for (unsigned left = 1 + roll(4); left > 0; left--) {
        if (roll(2))
            set_one();
        else
            raise(any_signal());
        say_all();
    }
    return NULL;
}

static void by_thread(void)
{
    sigset_t old;
    pthread_t thread;
    may_jump = 0;
    block_all(&old);
    pthread_create(&thread, NULL, in_thread, &old);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void by_exec(void)
{
    if (index_of_step == STEPS - 1)
        return;
    char from[16];
    snprintf(from, sizeof from, "%d", index_of_step + 1);
    setenv("DICE_FROM", from, 1);
    execve("/proc/self/exe", words, environ);
}

static void by_failed_exec(void)
{
    execve("/proc/self/exe/no", words, environ);
    say("execve: error %d\n", errno);
}

const struct step steps_of_children[] = {
    {"fork", 4, by_fork},     {"vfork", 3, by_vfork}, {"spawn", 2, by_spawn},          {"shell", 1, by_shell},
    {"thread", 3, by_thread}, {"exec", 1, by_exec},   {"failed exec", 1, by_failed_exec}, {0},
};

static void by_kill(void)
{
    is_guards();
    kill(getpid(), SIGKILL);
}

static void by_raw_exit(void)
{
    is_guards();
    syscall(SYS_exit_group, 8);
}

/* Its second half is the C library's own, past all hooks; only glibc's first half lets a blocked signal through. */
static void by_abort(void)
{
    int flags;
    bool is_blocked = false;
#ifndef __GLIBC__
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    is_blocked = sigismember(&blocked, SIGABRT);
#endif
    if (is_blocked || handler_of(SIGABRT, &flags) != SIG_DFL)
        is_guards();
    abort();
}

static void by_exit(void) { exit(8); }
static void by__exit(void) { _exit(8); }
static void by_quick_exit(void) { quick_exit(8); }

static void by_signal(void)
{
    static const int deadly[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGALRM, SIGPIPE, SIGSEGV, SIGQUIT};
    int number = deadly[roll(8)];
    sigset_t set = only(number);
    signal(number, SIG_DFL);
    noted(number, false, SIG_DFL, 0);
    kill(getpid(), number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void die(void)
{
    static void (*const ways[])(void) = {by_kill, by_raw_exit, by_abort,  by_exit,   by__exit,
                                         by_quick_exit, by_signal, by_signal, by_signal, by_signal};
    say("dies\n");
    ways[roll(sizeof ways / sizeof ways[0])]();
}
