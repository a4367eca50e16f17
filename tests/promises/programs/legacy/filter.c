/* Sets seccomp filters: what a program lets itself do from then on. */
#include "legacy.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 32 };

/* The newer architectures have only the newest of the calls that do the same. */
#ifndef SYS_rename
#define SYS_rename SYS_renameat2
#endif
#ifndef SYS_renameat
#define SYS_renameat SYS_renameat2
#endif

/* No more than a program needs to say something and to leave, or to come back from a handler. */
static const int minimal[] = {SYS_write, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, -1};

/* That, and what it takes to make a file. */
static const int files[] = {
    SYS_write, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_openat, SYS_close, SYS_unlinkat, SYS_getpid, -1,
};

/* That, and what it takes to give a file another name. */
static const int names[] = {
    SYS_write, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rename, SYS_renameat, SYS_renameat2, -1,
};

/* What this program calls nowhere after a pidfile was made, and only somebody else in its process could. */
static const int not_its_own[] = {
    SYS_clone, SYS_wait4, SYS_getcwd, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_close_range, SYS_pidfd_open,
    SYS_rt_sigaction, SYS_unshare, SYS_nanosleep, SYS_process_vm_readv, SYS_rt_tgsigqueueinfo, SYS_rt_sigprocmask, SYS_readlinkat, SYS_statx,
#ifdef __GLIBC__
    /* musl's way to load a library makes this call. */
    SYS_fcntl,
#endif
    -1,
};

/* One call that is a trap. */
static const int traps[] = {SYS_getppid, -1};

/* What kernels do not know before these versions. */
static const int handles_of_pidfds[] = {SYS_name_to_handle_at, SYS_open_by_handle_at, -1};
static const int pidfds[] = {
    SYS_pidfd_open, SYS_pidfd_send_signal, SYS_name_to_handle_at, SYS_open_by_handle_at, -1,
};

static const struct {
    const char *name;
    const int *calls;
    unsigned listed, others;
} sets[] = {
    {"minimal", minimal, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS},
    {"files", files, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS},
    {"names", names, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS},
    {"not_its_own", not_its_own, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW},
    {"traps", traps, SECCOMP_RET_TRAP, SECCOMP_RET_ALLOW},
    {"before_6.14", handles_of_pidfds, SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_ALLOW},
    {"before_5.3", pidfds, SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_ALLOW},
    {0},
};

static int by_prctl(struct sock_fprog *filter)
{
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0);
}

static int by_syscall(struct sock_fprog *filter)
{
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter);
}

/* All threads at once. */
static int by_tsync(struct sock_fprog *filter)
{
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, filter);
}

static int by_raw_prctl(struct sock_fprog *filter)
{
    return (int)syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0);
}

/* Past the C library, where nobody can notice. */
static int by_instruction(struct sock_fprog *filter)
{
#if defined(__x86_64__)
    long result = SYS_prctl;
    register long none __asm__("r10") = 0;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"((long)PR_SET_SECCOMP), "S"((long)SECCOMP_MODE_FILTER), "d"(filter), "r"(none)
                     : "rcx", "r11", "memory");
    return (int)result;
#elif defined(__aarch64__)
    register long result __asm__("x0") = PR_SET_SECCOMP;
    register long mode __asm__("x1") = SECCOMP_MODE_FILTER;
    register struct sock_fprog *program __asm__("x2") = filter;
    register long number __asm__("x8") = SYS_prctl;
    __asm__ volatile("svc 0" : "+r"(result) : "r"(mode), "r"(program), "r"(number) : "memory");
    return (int)result;
#elif defined(__riscv)
    register long result __asm__("a0") = PR_SET_SECCOMP;
    register long mode __asm__("a1") = SECCOMP_MODE_FILTER;
    register struct sock_fprog *program __asm__("a2") = filter;
    register long number __asm__("a7") = SYS_prctl;
    __asm__ volatile("ecall" : "+r"(result) : "r"(mode), "r"(program), "r"(number) : "memory");
    return (int)result;
#endif
}

typedef __typeof__(&sets[0]) set_of_calls;

/* By the library that most daemons use (seccomp_init(3)): what it calls is its own matter. */
static int by_libseccomp(set_of_calls set)
{
    void *library = dlopen("libseccomp.so.2", RTLD_NOW);
    void *(*init)(uint32_t) = (void *(*)(uint32_t))dlsym(library, "seccomp_init");
    int (*add)(void *, uint32_t, int, unsigned, ...) = (int (*)(void *, uint32_t, int, unsigned, ...))dlsym(library, "seccomp_rule_add");
    int (*load)(void *) = (int (*)(void *))dlsym(library, "seccomp_load");
    int (*set_attribute)(void *, int, uint32_t) = (int (*)(void *, int, uint32_t))dlsym(library, "seccomp_attr_set");
    enum { SCMP_FLTATR_CTL_NNP = 3 };
    void *filter = init(set->others);
    must(set_attribute(filter, SCMP_FLTATR_CTL_NNP, 0), "seccomp_attr_set");
    for (const int *call = set->calls; *call >= 0; call++)
        must(add(filter, set->listed, *call, 0) == 0 ? 0 : -1, "seccomp_rule_add");
    return load(filter) == 0 ? 0 : -1;
}

static const struct {
    const char *name;
    int (*set)(struct sock_fprog *filter);
    int (*set_by_library)(set_of_calls set);
} ways[] = {
    {"instruction", by_instruction, 0},
    {"prctl", by_prctl, 0},         {"syscall", by_syscall, 0}, {"tsync", by_tsync, 0},
    {"raw_prctl", by_raw_prctl, 0}, {"libseccomp", 0, by_libseccomp}, {0},
};

static int set_filter(const char *way, const char *name)
{
    struct sock_filter code[2 * MOST + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    unsigned short length = 1;
    set_of_calls set = find(sets, name);
    __typeof__(&ways[0]) by = find(ways, way);
    if (by->set_by_library)
        return by->set_by_library(set);
    for (const int *call = set->calls; *call >= 0; call++) {
        code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)*call, 0, 1);
        code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, set->listed);
    }
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, set->others);
    return by->set(&(struct sock_fprog){.len = length, .filter = code});
}

/* filter WAY SET */
static char **filter(char **words)
{
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    must(set_filter(words[0], words[1]), words[0]);
    return words + 2;
}

/* refused WAY: a filter that an ordinary user may not set without PR_SET_NO_NEW_PRIVS. */
static char **refused(char **words)
{
    say("filter: %d\n", set_filter(words[0], "minimal"));
    return words + 1;
}

/* strict: the first filter there was. */
static char **strict(char **words)
{
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), "strict");
    return words;
}

/* dispatch: takes its own system calls from now on, and makes none (PR_SET_SYSCALL_USER_DISPATCH, since Linux 5.11). */
static char **dispatch(char **words)
{
    enum { DISPATCH = 59, ON = 1, BLOCK = 1 };
    static volatile char blocked;
    must(prctl(DISPATCH, ON, 0L, 0L, &blocked), "PR_SET_SYSCALL_USER_DISPATCH");
    say("ready\n");
    blocked = BLOCK;
    return words;
}

/* trapped: the call that is a trap. */
static char **trapped(char **words)
{
    getppid();
    return words;
}

const struct step steps_of_filter[] = {
    {"filter", filter}, {"refused", refused}, {"strict", strict}, {"trapped", trapped}, {"dispatch", dispatch},
    {0},
};
