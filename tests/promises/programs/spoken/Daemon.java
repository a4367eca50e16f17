import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.CountDownLatch;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** A daemon in Java; what it does is what the one in each other language here does. */
class Daemon {
    private static String nothing;

    public static void main(String[] arguments) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> say("hook")));
        String pid = ProcessHandle.current().pid() + "\n";
        Files.writeString(Path.of("x.pid"), pid);
        Files.writeString(Path.of("made"), pid);
        Files.move(Path.of("made"), Path.of("y.pid"), StandardCopyOption.ATOMIC_MOVE);

        // With -Xrs, which it is told of as well, nobody would call it.
        if (arguments.length == 1)
            handler();
        faults();
        say("child: " + shell("echo works; exit 5"));
        say("killed: " + shell("kill -TERM $$"));

        say("ready");
        System.in.read();
        switch (arguments[0]) {
            case "return": return;
            case "exit": System.exit(3);
            case "halt": Runtime.getRuntime().halt(3);
            case "alarm": shell("kill -ALRM $PPID"); break;
            case "abort": shell("kill -ABRT $PPID"); break;
            case "crash": shell("kill -SEGV $PPID"); break;
        }
        new CountDownLatch(1).await();
    }

    private static void handler() throws InterruptedException {
        CountDownLatch handled = new CountDownLatch(1);
        Signal alarm = new Signal("ALRM");
        SignalHandler before = Signal.handle(alarm, signal -> handled.countDown());
        Signal.raise(alarm);
        handled.await();
        say("handled " + (before == SignalHandler.SIG_DFL));
        Signal.handle(alarm, SignalHandler.SIG_DFL);
    }

    /** The virtual machine finds out about both by a SIGSEGV, and goes on. */
    private static void faults() {
        for (int turn = 0; turn < 20000; turn++) {
            try {
                nothing.length();
            } catch (NullPointerException expected) {
                continue;
            }
        }
        try {
            deeper(0);
        } catch (StackOverflowError expected) {
            say("caught");
        }
    }

    private static int deeper(int depth) {
        return deeper(depth + 1) + 1;
    }

    private static int shell(String command) throws IOException, InterruptedException {
        return new ProcessBuilder("sh", "-c", command).inheritIO().start().waitFor();
    }

    private static void say(String words) {
        System.out.println(words);
    }
}
