/* The ways to have a child. It does the steps up to "end"; the parent waits for it and says how it ended. */
#include "legacy.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What a namesake is to be called. */
static pid_t own_number;

char **after_end(char **words)
{
    for (int depth = 1; *words; words++) {
        if (strcmp(*words, "child") == 0 || strcmp(*words, "aside") == 0)
            depth++;
        if (strcmp(*words, "end") == 0 && --depth == 0)
            return words + 1;
    }
    return words;
}

/* Does the steps in a child of whatever kind; one without more to do leaves as it would at the end of main. */
static void be_child(char **words)
{
    run(words);
    exit(returned < 0 ? 0 : returned);
}

static pid_t by_fork(char **words)
{
    pid_t child = fork();
    if (child == 0)
        be_child(words);
    return child;
}

/* It borrows the parent's memory, and may do no more than die. */
static pid_t by_vfork(char **words)
{
    pid_t child = vfork();
    if (child == 0) {
        run(words);
        _exit(0);
    }
    return child;
}

static pid_t by_raw_fork(char **words)
{
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        be_child(words);
    return child;
}

static int cloned(void *words)
{
    run(words);
    _exit(returned < 0 ? 0 : returned);
}

static pid_t clone_of(int (*work)(void *), int flags, char **words)
{
    static char stack[256 * 1024] __attribute__((aligned(16)));
    return clone(work, stack + sizeof stack, flags | SIGCHLD, words);
}

static pid_t clone_with(int flags, char **words) { return clone_of(cloned, flags, words); }

static pid_t by_clone(char **words) { return clone_with(0, words); }

/* It shares the parent's memory and goes on beside it. */
static pid_t by_clone_vm(char **words) { return clone_with(CLONE_VM, words); }

/* The init of a PID namespace of its own. */
static pid_t by_clone_pid_1(char **words) { return clone_with(CLONE_NEWPID, words); }

/* It shares the parent's descriptors, and with them its POSIX locks. */
static pid_t by_clone_files(char **words) { return clone_with(CLONE_FILES, words); }

static pid_t by_clone_files_vm(char **words) { return clone_with(CLONE_FILES | CLONE_VM, words); }

/* clone3(2), of which the C library does not tell. */
struct clone3_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
};

/* As PID 1 of a namespace below, has a child that has the parent's number there. */
static int namesakes_parent(void *words)
{
    struct clone3_arguments wanted = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&own_number, .set_tid_size = 1};
    int status;
    pid_t child = must((int)syscall(SYS_clone3, &wanted, sizeof wanted), "clone3");
    if (child == 0)
        be_child(words);
    must(waitpid(child, &status, 0), "waitpid");
    _exit(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static pid_t by_clone_namesake(char **words)
{
    own_number = getpid();
    return clone_of(namesakes_parent, CLONE_NEWPID, words);
}

/* Runs this program again, which preloads what its parent did. */
static pid_t spawn_with(const posix_spawnattr_t *attributes, char **words)
{
    char *arguments[64] = {"legacy"};
    for (int at = 0; at < 62 && words[at] && strcmp(words[at], "end") != 0; at++)
        arguments[at + 1] = words[at];
    pid_t child = -1;
    posix_spawn(&child, "/proc/self/exe", NULL, attributes, arguments, environ);
    return child;
}

static pid_t by_spawn(char **words) { return spawn_with(NULL, words); }

/* With all that posix_spawn(3) does about signals: the default for all of them, and a mask. */
static pid_t by_spawn_signals(char **words)
{
    posix_spawnattr_t attributes;
    sigset_t all, one;
    sigfillset(&all);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &one);
    return spawn_with(&attributes, words);
}

/* The child is gone, and what it leaves does the steps: the parent waits for the end of that. */
static pid_t detached(void (*leave)(void), char **words)
{
    int ends[2];
    char nothing;
    must(pipe(ends), "pipe");
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        leave();
        be_child(words);
    }
    close(ends[1]);
    (void)!read(ends[0], &nothing, 1);
    close(ends[0]);
    return child;
}

static void leave_a_child(void)
{
    if (must(fork(), "fork") != 0)
        _exit(0);
}

static void leave_by_daemon(void) { must(daemon(1, 1), "daemon"); }

static pid_t by_double_fork(char **words) { return detached(leave_a_child, words); }

/* As daemon(3) does it: it ends in there. */
static pid_t by_daemon(char **words) { return detached(leave_by_daemon, words); }

static const struct {
    const char *name;
    pid_t (*make)(char **words);
} kinds[] = {
    {"fork", by_fork},   {"vfork", by_vfork},       {"raw_fork", by_raw_fork},       {"clone", by_clone},
    {"spawn", by_spawn}, {"spawn_signals", by_spawn_signals}, {"clone_vm", by_clone_vm}, {"double_fork", by_double_fork},
    {"pid_1", by_clone_pid_1}, {"daemon", by_daemon},
    {"clone_files", by_clone_files}, {"clone_files_vm", by_clone_files_vm}, {"namesake", by_clone_namesake}, {0},
};

static void *threads_main(void *words)
{
    run(words);
    return NULL;
}

/* As many threads as daemons are seen to have. The first begins at the first of eight steps of three words, the
   second at the second, so that all are done at once. */
static void crowd(char **words)
{
    enum { CROWD = 200 };
    pthread_t threads[CROWD];
    for (int at = 0; at < CROWD; at++)
        pthread_create(&threads[at], NULL, threads_main, words + at % 8 * 3);
    for (int at = 0; at < CROWD; at++)
        pthread_join(threads[at], NULL);
}

/* child KIND STEP... end */
static char **child(char **words)
{
    if (strcmp(words[0], "crowd") == 0) {
        crowd(words + 1);
        return after_end(words + 1);
    }
    if (strcmp(words[0], "thread") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, threads_main, words + 1);
        pthread_join(thread, NULL);
        return after_end(words + 1);
    }
    pid_t child = must(find(kinds, words[0])->make(words + 1), words[0]);
    /* A child in our memory may have said that it is done; we are not. */
    returned = -1;
    int status;
    must(waitpid(child, &status, 0), "waitpid");
    if (WIFEXITED(status))
        say("child: exited %d\n", WEXITSTATUS(status));
    else
        say("child: signal %d%s\n", WTERMSIG(status), WCOREDUMP(status) ? " with core" : "");
    return after_end(words + 1);
}

static void *is_left(void *words)
{
    run(words);
    exit(returned < 0 ? 0 : returned);
}

/* leave: the first thread ends, and another does the rest. */
static char **leave(char **words)
{
    pthread_t thread;
    pthread_create(&thread, NULL, is_left, words);
    pthread_exit(NULL);
}

/* system COMMAND: what the shell says comes between our own lines. */
static char **by_system(char **words)
{
    say("system: %d\n", system(words[0]));
    return words + 1;
}

const struct step steps_of_child[] = {{"child", child}, {"leave", leave}, {"system", by_system}, {0}};
