//! pidward in an image: the three lines of the README's Containerfile, as they stand there.

use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::world::path;

use super::Test;
use super::engine::{Engine, run};

pub(super) fn tests() -> Vec<Test> {
    let each =
        |name: &str, check: fn(&Engine) -> Checked| -> Test { (name.to_owned(), Box::new(check)) };
    vec![
        each("three_lines_of_a_containerfile_are_enough", three_lines),
        each(
            "in_an_image_with_musl_library_and_guard_do_their_work",
            musl,
        ),
    ]
}

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// The lines of the README, from the one that copies the installed tree to the entrypoint.
fn lines() -> Checked<Vec<String>> {
    let text = fs::read_to_string(README).doing("read the README")?;
    let from = text
        .lines()
        .skip_while(|line| !line.starts_with("    COPY "));
    let block = from.take_while(|line| line.starts_with("    "));
    let lines: Vec<String> = block.map(|line| line.trim().to_owned()).collect();
    match lines.len() == 3 {
        true => Ok(lines),
        false => Err(Failure::new(
            "the README has no three lines",
            lines.join("\n"),
        )),
    }
}

/// Builds an image of these lines, with what `make install DESTDIR=` has made beside them.
fn build(engine: &Engine, lines: &[String]) -> Checked {
    let context = path("context");
    for directory in ["usr/local/bin", "usr/local/lib/pidward"] {
        fs::create_dir_all(context.join("pidward").join(directory)).doing("make a context")?;
    }
    for (from, to) in [
        ("pidward", "bin/pidward"),
        ("pidward-guard", "lib/pidward/pidward-guard"),
        ("libpidward.so", "lib/pidward/libpidward.so"),
    ] {
        let to = context.join("pidward/usr/local").join(to);
        fs::copy(engine.release.join(from), to).doing(from)?;
    }
    let file = format!("FROM base\n{}\n", lines.join("\n"));
    fs::write(context.join("Containerfile"), file).doing("write a Containerfile")?;
    let directory = context.display().to_string();
    engine
        .podman(&[
            "build",
            "-q",
            "--isolation=chroot",
            "-t",
            "made",
            &directory,
        ])
        .map(drop)
}

/// The machine's /usr covers the image's in these tests, so its /usr/local is put there again.
const LOCAL: &str = "--volume=/mnt/context/pidward/usr/local:/usr/local:ro";

fn three_lines(engine: &Engine) -> Checked {
    let lines = lines()?;
    build(engine, &lines)?;
    // The entrypoint is as it is in the README: what follows the image's name is the command.
    let script =
        "echo 1 >/run/other.pid; exec apache2 -f /etc/daemons/apache.conf -k start -DFOREGROUND";
    let made = engine.podman(&[
        "image",
        "inspect",
        "--format",
        "{{.Config.Entrypoint}}",
        "made",
    ])?;
    if !made.contains("pidward run -p /run/httpd.pid --") {
        return Err(Failure::new("another entrypoint", made));
    }
    let arguments = [
        "run",
        "--detach",
        "--name",
        "made",
        "--cgroups=disabled",
        "--network=none",
        "--security-opt=seccomp=unconfined",
        "--volume=/usr:/usr:ro",
        LOCAL,
        "made",
        "sh",
        "-c",
        script,
    ];
    engine.podman(&arguments)?;
    let container = engine.named("made");
    let old = container.is_up("/run/httpd.pid", "apache2", None)?;
    container.is_recorded("/run/httpd.pid", old)?;
    container.kill()?;
    container.start_again()?;
    let new = container.is_up("/run/httpd.pid", "apache2", None)?;
    container.is_recorded("/run/httpd.pid", new)?;
    let said = container.logs()?;
    if !said.contains("pidward: removed /run/httpd.pid: ") {
        return Err(Failure::new("it was not swept", said));
    }
    container.kill()
}

/// musl's own loader, in a root with nothing of the machine's but that and the daemon.
fn musl(engine: &Engine) -> Checked {
    let root = path("musl");
    for directory in ["lib", "bin", "run", "proc", "dev", "sys", "etc", "var/lib"] {
        fs::create_dir_all(root.join(directory)).doing("make an image")?;
    }
    let source = "\
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    FILE *file = fopen(\"/run/small.pid\", \"w\");
    if (!file) return 1;
    fprintf(file, \"%d\\n\", (int)getpid());
    fclose(file);
    puts(\"ready\");
    fflush(stdout);
    for (;;) pause();
}
";
    fs::write(path("small.c"), source).doing("write a daemon")?;
    run(Command::new("musl-gcc")
        .env("TMPDIR", path(""))
        .arg("-o")
        .arg(root.join("bin/small"))
        .arg(path("small.c")))?;
    let libc = fs::read_dir("/lib").doing("look for musl")?.flatten();
    let loader = libc
        .map(|it| it.path())
        .find(|it| it.to_string_lossy().contains("ld-musl-"));
    let loader = loader.ok_or("none").doing("find musl's loader")?;
    let name = loader.file_name().unwrap_or_default();
    fs::copy(&loader, root.join("lib").join(name)).doing("copy musl")?;
    fs::copy("/bin/busybox", root.join("bin/busybox")).doing("copy busybox")?;
    for file in ["libpidward.so", "pidward-guard"] {
        fs::copy(engine.release.join(file), root.join("lib").join(file)).doing(file)?;
    }
    let archive = path("musl.tar");
    run(Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&archive)
        .arg("."))?;
    engine.podman(&["import", "-q", &archive.to_string_lossy(), "musl"])?;
    // SIGTERM it could have caught, SIGKILL it could not: the library's part, and the guard's.
    for signal in ["TERM", "KILL"] {
        let script = format!(
            "LD_PRELOAD=/lib/libpidward.so /bin/small >/run/said & pid=$!; \
             until busybox test -s /run/small.pid.ward && busybox test -s /run/small.pid; do busybox usleep 1000; done; \
             busybox grep -q libpidward /proc/$pid/maps || exit 1; \
             kill -{signal} $pid; wait $pid; \
             i=0; while busybox test -e /run/small.pid -o -e /run/small.pid.ward; do \
             busybox usleep 1000; i=$((i + 1)); busybox test $i -lt 5000 || exit 2; done; echo gone"
        );
        let arguments = [
            "run",
            "--rm",
            "--cgroups=disabled",
            "--network=none",
            "--security-opt=seccomp=unconfined",
            "musl",
            "/bin/busybox",
            "sh",
            "-c",
            &script,
        ];
        let said = engine.podman(&arguments)?;
        if !said.contains("gone\n") {
            return Err(Failure::new(format!("after {signal}"), said));
        }
    }
    Ok(())
}
