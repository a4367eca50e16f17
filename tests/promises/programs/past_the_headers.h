/* What sets dispositions and is in no header: rt_sigaction(2) as the kernel has it, and a function of old programs. */
#ifndef PAST_THE_HEADERS_H
#define PAST_THE_HEADERS_H

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_rt_sigaction
/* The way back from a handler is the C library's, which it tells of any other signal. */
struct kernels_action {
    sighandler_t handler;
    unsigned long flags;
#ifndef __riscv
    void (*restorer)(void);
#endif
    uint64_t mask;
#ifdef __riscv
    /* There the kernel has none, and this is only ours. */
    void (*restorer)(void);
#endif
};

/* As runtimes do it that have no use for a C library. */
static inline long past_the_library(int number, const struct kernels_action *new, struct kernels_action *old)
{
#ifdef __x86_64__
    long result;
    register size_t size __asm__("r10") = sizeof new->mask;
    __asm__ volatile("syscall" : "=a"(result)
                     : "a"(SYS_rt_sigaction), "D"(number), "S"(new), "d"(old), "r"(size) : "rcx", "r11", "memory");
    return result;
#else
    return syscall(SYS_rt_sigaction, number, new, old, sizeof new->mask);
#endif
}
#endif

#if defined(__GLIBC__) && defined(__x86_64__)
#define HAS_OLD_SIGVEC
/* As a program that was built before glibc 2.21 calls it. */
struct old_sigvec {
    sighandler_t handler;
    int mask, flags;
};
int old_sigvec(int number, const struct old_sigvec *new, struct old_sigvec *old);
__asm__(".symver old_sigvec, sigvec@GLIBC_2.2.5");
#endif

#endif
