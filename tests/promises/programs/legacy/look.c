/* Looks at what a process can see of itself, changes what it has, and speaks with the test. */
#include "legacy.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* say WORD */
static char **say_word(char **words)
{
    say("%s\n", words[0]);
    return words + 1;
}

/* hear: waits until the test says something. */
static char **hear(char **words)
{
    char letter;
    while (read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n')
        ;
    return words;
}

/* there PATH: is it there? */
static char **there(char **words)
{
    say("%s is %s\n", words[0], access(words[0], F_OK) == 0 ? "there" : "gone");
    return words + 1;
}

/* errno: was it changed when the last pidfile was made? */
static char **look_at_errno(char **words)
{
    say("errno %s\n", errno_after == ERRNO_BEFORE ? "as before" : strerror(errno_after));
    return words;
}

/* descriptors: which there are, and what they stand for. */
static char **descriptors(char **words)
{
    DIR *all = opendir("/proc/self/fd");
    for (struct dirent *entry; all && (entry = readdir(all));) {
        char target[4096];
        ssize_t length = readlinkat(dirfd(all), entry->d_name, target, sizeof target - 1);
        if (length < 0 || atoi(entry->d_name) == dirfd(all))
            continue;
        target[length] = 0;
        /* The pipes to the test have other numbers each time. */
        say("descriptor %s: %s\n", entry->d_name, strncmp(target, "pipe:", 5) ? target : "a pipe");
    }
    closedir(all);
    return words;
}

/* status KEY: that line of /proc/self/status. */
static char **status(char **words)
{
    FILE *lines = fopen("/proc/self/status", "r");
    for (char line[512]; lines && fgets(line, sizeof line, lines);)
        if (strncmp(line, words[0], strlen(words[0])) == 0)
            say("%s", line);
    fclose(lines);
    return words + 1;
}

/* children: is there any to wait for? */
static char **children(char **words)
{
    siginfo_t info = {0};
    int result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
    say("children: %s\n", result == 0 ? (info.si_pid ? "a dead one" : "living ones") : strerror(errno));
    return words;
}

/* block SIGNAL */
static char **block(char **words)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, atoi(words[0]));
    sigprocmask(SIG_BLOCK, &set, NULL);
    return words + 1;
}

static const char *looked_for;

static void look_for_it(void)
{
    there((char **)&looked_for);
}

/* clean_up PATH: looks for it, in what it does when it exits. */
static char **clean_up(char **words)
{
    looked_for = words[0];
    must(atexit(look_for_it), "atexit");
    must(at_quick_exit(look_for_it), "at_quick_exit");
    return words + 1;
}

/* chdir DIRECTORY */
static char **change_directory(char **words)
{
    must(chdir(words[0]), words[0]);
    return words + 1;
}

/* nobody: becomes that user. */
static char **nobody(char **words)
{
    must(setgroups(0, NULL), "setgroups");
    must(setresgid(65534, 65534, 65534), "setresgid");
    must(setresuid(65534, 65534, 65534), "setresuid");
    return words;
}

/* no_processes: no more of them may be made. */
static char **no_processes(char **words)
{
    must(setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0}), "setrlimit");
    return words;
}

/* exec STEP...: becomes this program anew. */
static char **exec(char **words)
{
    words[-1] = "legacy";
    must(execv("/proc/self/exe", words - 1), "execv");
    return words;
}

/* users REAL EFFECTIVE SAVED: whose it is from then on. */
static char **users(char **words)
{
    must(setresuid((uid_t)atoi(words[0]), (uid_t)atoi(words[1]), (uid_t)atoi(words[2])), "setresuid");
    return words + 3;
}

/* become PROGRAM ARGUMENT...: becomes another program. */
static char **become(char **words)
{
    must(execv(words[0], words), words[0]);
    return words;
}

/* failed_exec: would become a program that is not there. */
static char **failed_exec(char **words)
{
    execv("/nowhere/daemon", words);
    say("exec: %s\n", strerror(errno));
    return words;
}

/* call NAME: is called that from now on. */
static char **call(char **words)
{
    must(prctl(PR_SET_NAME, words[0]), "PR_SET_NAME");
    return words + 1;
}

/* spin: waits without a system call. */
static char **spin(char **words)
{
    for (volatile int forever = 1; forever;)
        ;
    return words;
}

/* pause */
static char **wait_for_signals(char **words)
{
    pause();
    return words;
}

const struct step steps_of_look[] = {
    {"say", say_word},     {"hear", hear},       {"there", there},
    {"errno", look_at_errno}, {"descriptors", descriptors}, {"status", status},
    {"children", children}, {"block", block},
    {"chdir", change_directory}, {"nobody", nobody}, {"no_processes", no_processes},
    {"clean_up", clean_up}, {"exec", exec}, {"become", become}, {"users", users},      {"failed_exec", failed_exec},
    {"call", call},        {"spin", spin},       {"pause", wait_for_signals},
    {0},
};
