/* A library to be preloaded behind the shim: it defines creat(2), in one of the forms in which that can be done. */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((used)) static int behind(const char *path, mode_t mode)
{
    if (write(STDOUT_FILENO, "behind\n", 7) != 7)
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

#if defined(INDIRECT)
static int (*resolve(void))(const char *, mode_t)
{
    return behind;
}

int creat(const char *path, mode_t mode) __attribute__((ifunc("resolve")));
#elif defined(OLD_VERSION)
/* For those alone who were linked with that version. */
int of_old(const char *path, mode_t mode)
{
    return behind(path, mode);
}

__asm__(".symver of_old, creat@OLD");
#else
int creat(const char *path, mode_t mode)
{
    return behind(path, mode);
}
#endif
