/* calls NAME COUNT [aware]: makes a system call so many times. With "aware" it has made a pidfile before, so that the
 * library has put its stand-ins in place. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void call(const char *name, int round)
{
	if (!strcmp(name, "open")) {
		close(open("/dev/null", O_RDONLY));
	} else if (!strcmp(name, "creat")) {
		close(creat("file", 0644));
	} else if (!strcmp(name, "stat")) {
		struct stat status;
		stat("/dev/null", &status);
	} else if (!strcmp(name, "fopen")) {
		fclose(fopen("/dev/null", "r"));
	} else if (!strcmp(name, "rename")) {
		rename(round % 2 ? "two" : "one", round % 2 ? "one" : "two");
	} else if (!strcmp(name, "sigaction")) {
		struct sigaction old;
		sigaction(SIGTERM, NULL, &old);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	if (argc > 3) {
		FILE *pidfile = fopen("calls.pid", "w");
		if (!pidfile || fprintf(pidfile, "%d\n", getpid()) < 0 || fclose(pidfile))
			return 1;
	}
	close(creat("one", 0644));
	for (int round = 0, count = atoi(argv[2]); round < count; round++)
		call(argv[1], round);
	return 0;
}
