/* What a daemon under a supervisor does: leaves for the background, serves until a signal comes, leaves orphans. And what
 * starts it from a terminal. */
#include "legacy.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const int served[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

static sigset_t all_served(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t at = 0; at < sizeof served / sizeof served[0]; at++)
        sigaddset(&set, served[at]);
    return set;
}

/* detach: goes on in the background, in a session of its own. The process that was started ends. */
static char **detach(char **words)
{
    if (must(fork(), "fork") != 0)
        _exit(0);
    must(setsid(), "setsid");
    return words;
}

/* aside STEP... end: in a child that nobody waits for. */
static char **aside(char **words)
{
    if (must(fork(), "fork") != 0)
        return after_end(words);
    run(words);
    _exit(returned < 0 ? 0 : returned);
}

/* catch: the signals that are served wait from now on. */
static char **catch(char **words)
{
    sigset_t set = all_served();
    must(sigprocmask(SIG_BLOCK, &set, NULL), "sigprocmask");
    return words;
}

/* serve SIGNAL: says each signal that comes, until it is this one. */
static char **serve(char **words)
{
    sigset_t set = all_served();
    int number;
    do {
        number = must(sigwaitinfo(&set, NULL), "sigwaitinfo");
        say("got %d\n", number);
    } while (number != atoi(words[0]));
    return words + 1;
}

/* orphans COUNT: so many processes lose their parent, and end. */
static char **orphans(char **words)
{
    for (int count = atoi(words[0]); count > 0; count--) {
        pid_t parent = must(fork(), "fork");
        if (parent == 0)
            _exit(must(fork(), "fork") == 0 ? 3 : 0);
        must(waitpid(parent, NULL, 0), "waitpid");
    }
    return words + 1;
}

/* adopt_orphans: the processes that lose their parent below the daemon are its children from now on. */
static char **adopt_orphans(char **words)
{
    must(prctl(PR_SET_CHILD_SUBREAPER, 1L), "PR_SET_CHILD_SUBREAPER");
    return words;
}

static int other_side = -1;

/* terminal PROGRAM WORD... end: starts it, with its words, on a terminal of its own. */
static char **terminal(char **words)
{
    char **after = after_end(words);
    other_side = own_terminal();
    if (must(fork(), "fork") == 0) {
        after[-1] = NULL;
        execv(words[0], words);
        _exit(127);
    }
    signal(SIGINT, SIG_IGN);
    return after;
}

/* type_ctrl_c: on that terminal. */
static char **type_ctrl_c(char **words)
{
    must((int)write(other_side, "\003", 1), "write");
    return words;
}

/* await: the end of a child; ends with its status. */
static char **await(char **words)
{
    int status;
    must(wait(&status), "wait");
    returned = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return words;
}

const struct step steps_of_service[] = {
    {"detach", detach},     {"aside", aside},       {"catch", catch},
    {"serve", serve},       {"orphans", orphans},   {"adopt_orphans", adopt_orphans},
    {"terminal", terminal},
    {"type_ctrl_c", type_ctrl_c}, {"await", await}, {0},
};
