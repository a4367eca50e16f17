/* The limit of a status: the number in a pidfile, and whether a process has it. Nothing is checked. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char text[32] = "";
	int file = open(argv[argc - 1], O_RDONLY);
	if (file < 0 || read(file, text, sizeof text - 1) <= 0)
		return 4;
	if (kill(atoi(text), 0))
		return 1;
	return write(1, "running\n", 8) < 0;
}
