/* The finish program of a supervisor: removes the pidfile in its place. */
#include <unistd.h>

int main(void)
{
	return unlink(PIDFILE);
}
