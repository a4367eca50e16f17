# A daemon in Perl; what it does is what the one in each other language here does.
use strict;
use warnings;
use POSIX ();

$| = 1;
my $end = shift @ARGV;

open my $pidfile, '>', 'x.pid' or die "x.pid: $!";
print $pidfile "$$\n";
close $pidfile;
open $pidfile, '>', 'made' or die "made: $!";
print $pidfile "$$\n";
close $pidfile;
rename 'made', 'y.pid' or die "rename: $!";

$SIG{ALRM} = sub { print "handled\n" };
kill ALRM => $$;
$SIG{ALRM} = 'DEFAULT';
my ($alarm, $term) = (POSIX::SigAction->new, POSIX::SigAction->new);
POSIX::sigaction(POSIX::SIGALRM(), undef, $alarm);
POSIX::sigaction(POSIX::SIGTERM(), undef, $term);
print 'after: ', $alarm->handler, ' ', $term->handler, "\n";

print 'child: ', system('echo works; exit 5') >> 8, "\n";
print 'killed: ', system('kill -TERM $$') & 127, "\n";

print "ready\n";
<STDIN>;
exit 3 if $end eq 'exit';
POSIX::_exit(3) if $end eq '_exit';
kill ALRM => $$ if $end eq 'alarm';
POSIX::abort() if $end eq 'abort';
POSIX::pause() while 1;
