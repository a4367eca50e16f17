/* The limit of a sweep: of each file below a directory, the number in it, and its removal where no process has that.
 * Nothing is checked. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int one(const char *path, const struct stat *status, int kind)
{
	char text[32] = "";
	(void)status;
	if (kind != FTW_F)
		return 0;
	int file = open(path, O_RDONLY);
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	if (length > 0 && kill(atoi(text), 0))
		unlink(path);
	return 0;
}

int main(int argc, char **argv)
{
	return ftw(argv[argc - 1], one, 16);
}
