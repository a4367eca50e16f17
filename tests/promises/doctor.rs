//! The promises of `pidward doctor`: the conclusion comes first, each line of defence holds or not for its own reason, and
//! nothing is changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::record::Record;
use pidward_tests::{namespace, proc};

use crate::answer::{Answer, ask, ask_without};
use crate::cgroup::Cgroup;
use crate::compare::bare;
use crate::guard::post::{Post, guarded, kill, leaves, ready, with_pidfile};
use crate::legacy::Legacy;
use crate::programs::LEGACY;
use crate::promise::Promise;
use crate::run::{copied, installed, pidward};
use crate::scene::{HOME, Scene, file};

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    vec![
        each("a_daemon_of_run_has_all_four_lines_of_defence", all_four),
        each("a_daemon_without_pidward_is_told_what_to_do", none),
        each("a_daemon_whose_guard_was_killed_lacks_it", killed_guard),
        each("a_daemon_without_guards_says_so", guard_off),
        each("what_makes_the_shim_idle_is_named", idle),
        each("a_program_is_judged_before_it_is_started", programs),
        each("what_sweeps_at_boot_is_found", boot),
        each("what_the_kernel_lacks_is_named", kernels),
        each("what_nobody_may_see_cannot_be_told", unseen),
        each("who_is_root_is_not_told_to_ask_as_root", unseen_by_root),
        each(
            "where_run_looks_after_no_pidfile_there_is_no_guard",
            no_places,
        ),
        each("a_daemon_that_lives_is_not_called_dead", untrusted),
        each(
            "a_guard_that_could_not_be_started_is_no_defence",
            broken_guards,
        ),
        each("rights_that_a_daemon_gained_keep_the_shim_out", gained),
        each("a_pidfile_that_nobody_can_remove_is_no_defence", fixed),
        each(
            "a_daemon_in_a_container_is_examined_in_its_own_files",
            contained,
        ),
        each("a_unit_is_its_own_managers", managers),
        each("what_is_no_daemon_is_refused", refused),
        each("an_examination_changes_nothing", unchanged),
    ]
}

/// It has this exit status, and these parts in the lines of these names; the first one is of the conclusion.
fn is(answer: &Answer, code: i32, conclusion: &str, lines: &[(&str, &str)]) -> Checked {
    let first = answer.out.lines().next().unwrap_or_default();
    answer.is(code, first.ends_with(conclusion), conclusion)?;
    for (name, part) in lines {
        let mut words = answer.out.lines().map(str::trim_start);
        let has = words.any(|line| line.starts_with(name) && line.contains(part));
        answer.is(code, has, &format!("{name} … {part}"))?;
    }
    Ok(())
}

/// A daemon that `run` has started, with its steps.
fn of_run(scene: &Scene, options: &[&str], steps: &str) -> Checked<Legacy> {
    let mut command = pidward(scene, &["run"]);
    command.args(options).arg("--").arg(Scene::program(LEGACY));
    command.args(steps.split_whitespace());
    ready(command)
}

fn all_four(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = of_run(scene, &["-p", "x.pid"], "make open x.pid say ready hear")?;
    let pid = daemon.process.pid;
    post.recorded(pid)?;
    for subject in ["x.pid", &pid.to_string()] {
        let answer = ask(scene, &format!("doctor {subject}"))?;
        let conclusion = format!("legacy, PID {pid}, {HOME}/x.pid: all four lines of defence hold");
        is(
            &answer,
            0,
            &conclusion,
            &[
                ("shim", "holds    loaded"),
                ("guard", "holds    at work"),
                ("sweep", "holds    by \"pidward run -p\""),
                (
                    "record",
                    "holds    proves which process is meant, by pidfd handle",
                ),
                ("pidfile", "running: "),
                ("linked", "dynamically, glibc, by /"),
                ("library", "/libpidward.so"),
                ("seccomp", "no filter"),
                ("kernel", "pidfds"),
            ],
        )?;
    }
    kill(daemon).map(drop)
}

fn none(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = with_pidfile()?;
    let answer = ask(scene, "doctor x.pid")?;
    let adopt = format!("-> pidward adopt {HOME}/x.pid");
    is(
        &answer,
        1,
        ": one of the four lines of defence holds",
        &[
            (
                "shim",
                "no       not loaded: the daemon was started without pidward",
            ),
            ("->", "Start it by \"pidward run --\"."),
            ("guard", "no       not at work"),
            (&adopt, ""),
            ("sweep", "holds    not needed after a boot"),
            ("record", "no       none"),
        ],
    )?;
    // It is given what can be given to a daemon that runs already.
    ask(scene, "adopt x.pid")?.says(0, true, "adopted")?;
    post.recorded(daemon.process.pid)?;
    is(
        &ask(scene, "doctor x.pid")?,
        1,
        ": three of the four lines of defence hold",
        &[("guard", "holds"), ("record", "holds"), ("shim", "no")],
    )?;
    kill(daemon).map(drop)
}

fn killed_guard(scene: &Scene) -> Checked {
    let (daemon, guard, _post) = guarded(scene)?;
    guard.signal(Signal::SIGKILL).doing("kill the guard")?;
    leaves(&guard)?;
    is(
        &ask(scene, "doctor x.pid")?,
        1,
        "hold",
        &[
            ("guard", "no       not at work: none guards this pidfile"),
            ("record", "holds"),
        ],
    )?;
    kill(daemon).map(drop)
}

fn guard_off(scene: &Scene) -> Checked {
    scene.clear()?;
    let mut command = pidward(scene, &["run", "--"]);
    command
        .arg(Scene::program(LEGACY))
        .env("PIDWARD_GUARD", "off");
    command.args("make open x.pid say ready hear".split_whitespace());
    let daemon = ready(command)?;
    is(
        &ask(scene, "doctor x.pid")?,
        1,
        "two of the four lines of defence hold",
        &[
            ("shim", "holds    loaded"),
            (
                "guard",
                "no       not at work: the daemon was started with PIDWARD_GUARD=off",
            ),
        ],
    )?;
    kill(daemon).map(drop)
}

fn idle(scene: &Scene) -> Checked {
    let filtered = "make open x.pid filter prctl not_its_own say ready hear";
    for (steps, ground) in [
        (
            filtered,
            "no       loaded, and does nothing under the daemon's seccomp filter",
        ),
        (
            "make open sub/x.pid nobody say ready hear",
            "no       loaded, but the daemon may not remove its pidfile",
        ),
    ] {
        scene.clear()?;
        fs::create_dir(file("sub")).doing("make a directory of root's")?;
        let name = if steps == filtered {
            "x.pid"
        } else {
            "sub/x.pid"
        };
        let post = match name {
            "x.pid" => Post::at(name)?,
            _ => Post::in_directory(file("sub"), "x.pid")?,
        };
        let daemon = of_run(scene, &["-p", name], steps)?;
        post.recorded(daemon.process.pid)?;
        is(
            &ask(scene, &format!("doctor {name}"))?,
            1,
            "three of the four lines of defence hold",
            &[("shim", ground), ("guard", "holds")],
        )?;
        kill(daemon)?;
    }
    locked_in(scene)
}

/// One that locks itself into a directory, where its pidfile has no path that the shim knows.
fn locked_in(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let script = "import os, sys\n\
                  open('x.pid', 'w').write(str(os.getpid()))\n\
                  os.chroot('/mnt'); os.chdir('/')\n\
                  print('ready', flush=True)\n\
                  sys.stdin.read()\n";
    let mut command = pidward(scene, &["run", "--", "/usr/bin/python3", "-S", "-c"]);
    command.arg(script);
    let daemon = ready(command)?;
    post.recorded(daemon.process.pid)?;
    is(
        &ask(scene, "doctor x.pid")?,
        1,
        "three of the four lines of defence hold",
        &[
            (
                "shim",
                "no       loaded, but the daemon is locked into /mnt",
            ),
            ("root", "/mnt"),
        ],
    )?;
    kill(daemon).map(drop)
}

fn programs(scene: &Scene) -> Checked {
    scene.clear()?;
    let made = |name: &str, mode: u32| {
        let path = file(name);
        fs::copy(Scene::program(LEGACY), &path).doing("copy a program")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).doing("give it its mode")
    };
    made("dynamic", 0o755)?;
    made("setuid", 0o755)?;
    chown(file("setuid"), Some(65534), None).doing("give it away")?;
    fs::set_permissions(file("setuid"), fs::Permissions::from_mode(0o4755)).doing("setuid")?;
    fs::write(file("script"), format!("#!{HOME}/dynamic\n")).doing("write a script")?;
    fs::set_permissions(file("script"), fs::Permissions::from_mode(0o755)).doing("its mode")?;
    let mut foreign = fs::read(Scene::program(LEGACY)).doing("read a program")?;
    // Another e_machine: elf(5).
    foreign.splice(18..20, [0xff, 0x7f]);
    fs::write(file("foreign"), foreign).doing("write a foreign program")?;
    fs::set_permissions(file("foreign"), fs::Permissions::from_mode(0o755)).doing("its mode")?;
    for (name, code, ground, facts) in [
        (
            "dynamic",
            1,
            "holds    would be loaded",
            ("linked", "dynamically, glibc"),
        ),
        (
            "script",
            1,
            "holds    would be loaded",
            ("script", "./script"),
        ),
        (
            "setuid",
            1,
            "no       is not loaded by ld.so: the program gains the rights of",
            ("file gives", "setuid"),
        ),
        (
            "foreign",
            1,
            "no       cannot be loaded: the program is for another kind of machine",
            ("program", "foreign"),
        ),
        (
            "/bin/busybox",
            1,
            "no       cannot be loaded: the program is static",
            ("linked", "statically"),
        ),
    ] {
        let subject = match name.starts_with('/') {
            true => name.to_owned(),
            false => format!("./{name}"),
        };
        let answer = ask(scene, &format!("doctor {subject}"))?;
        is(
            &answer,
            code,
            "",
            &[
                ("shim", ground),
                ("guard", "holds    would be started"),
                ("record", "holds    would prove"),
                facts,
            ],
        )?;
    }
    Ok(())
}

const UNIT: &str = "/etc/systemd/system/pidward-sweep.service";

fn boot(scene: &Scene) -> Checked {
    scene.clear()?;
    namespace::layer("/etc")?;
    let sweep = |code, ground: &str| {
        let answer = ask(scene, "doctor /bin/sh")?;
        is(&answer, code, "", &[("sweep", ground)])
    };
    sweep(1, "no       nothing is booted here")?;
    fs::create_dir_all("/run/systemd/system").doing("have systemd run")?;
    sweep(1, "no       not installed for boot")?;
    fs::write(UNIT, "[Service]\n").doing("install it")?;
    let answer = ask(scene, "doctor /bin/sh")?;
    is(
        &answer,
        1,
        "",
        &[("->", "systemctl enable pidward-sweep.service")],
    )?;
    let wants = Path::new("/etc/systemd/system/sysinit.target.wants");
    fs::create_dir_all(wants).doing("enable it")?;
    symlink(UNIT, wants.join("pidward-sweep.service")).doing("enable it")?;
    sweep(0, "holds    at boot, by systemd")?;
    // As `systemctl mask` does.
    fs::remove_file(UNIT).doing("mask it")?;
    symlink("/dev/null", UNIT).doing("mask it")?;
    sweep(1, "no       not installed for boot")?;

    fs::remove_dir_all("/run/systemd").doing("have another init")?;
    fs::create_dir_all("/run/openrc").doing("have OpenRC run")?;
    fs::write("/run/openrc/softlevel", "default").doing("have OpenRC run")?;
    fs::create_dir_all("/etc/init.d").doing("install it")?;
    fs::write("/etc/init.d/pidward-sweep", "#!/sbin/openrc-run\n").doing("install it")?;
    let answer = ask(scene, "doctor /bin/sh")?;
    is(
        &answer,
        1,
        "",
        &[("->", "rc-update add pidward-sweep boot")],
    )?;
    fs::create_dir_all("/etc/runlevels/boot").doing("enable it")?;
    symlink(
        "/etc/init.d/pidward-sweep",
        "/etc/runlevels/boot/pidward-sweep",
    )
    .doing("enable it")?;
    sweep(0, "holds    at boot, by OpenRC")?;

    fs::remove_dir_all("/run/openrc").doing("have another init")?;
    fs::write("/run/runlevel", "").doing("have sysvinit run")?;
    let answer = ask(scene, "doctor /bin/sh")?;
    is(
        &answer,
        1,
        "",
        &[("->", "update-rc.d pidward-sweep defaults")],
    )?;
    fs::create_dir_all("/etc/rcS.d").doing("enable it")?;
    symlink("../init.d/pidward-sweep", "/etc/rcS.d/S12pidward-sweep").doing("enable it")?;
    sweep(0, "holds    at boot, by sysvinit")
}

fn kernels(scene: &Scene) -> Checked {
    scene.clear()?;
    for (without, record, lacking) in [
        (
            "handle",
            "holds    would prove which process is meant, by pidfd inode",
            "; without handles (6.14)",
        ),
        (
            "handle,info,inode",
            "holds    would prove which process is meant, by start time",
            "their inodes (6.9)",
        ),
    ] {
        let answer = ask_without(scene, without, "doctor /bin/sh")?;
        is(&answer, 1, "", &[("record", record), ("kernel", lacking)])?;
    }
    let answer = ask_without(scene, "handle,info,inode,pidfd", "doctor /bin/sh")?;
    is(
        &answer,
        1,
        "one of the four lines of defence holds",
        &[
            (
                "guard",
                "no       cannot do its work: the kernel has no pidfds",
            ),
            ("record", "no       none: there is no guard"),
        ],
    )
}

fn unseen(scene: &Scene) -> Checked {
    scene.clear()?;
    let copy = copied(scene)?;
    let post = Post::at("x.pid")?;
    let daemon = of_run(scene, &["-p", "x.pid"], "make open x.pid say ready hear")?;
    post.recorded(daemon.process.pid)?;
    let mut command = installed(&copy, &["doctor", "x.pid"]);
    command.uid(65534).gid(65534);
    let answer = Answer::of(command)?;
    is(
        &answer,
        4,
        "of one it cannot be told",
        &[
            (
                "shim",
                "unknown  cannot be told: we may not see what is loaded",
            ),
            ("->", "Ask as root."),
            ("guard", "holds    at work"),
        ],
    )?;
    kill(daemon).map(drop)
}

/// Root in a user namespace of its own has no say over the processes outside.
fn unseen_by_root(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = of_run(scene, &["-p", "x.pid"], "make open x.pid say ready hear")?;
    post.recorded(daemon.process.pid)?;
    let mut command = bare("unshare".as_ref());
    command.args(["--user", "--map-root-user", "--"]);
    command.arg(scene.release.join("pidward"));
    command.args(["doctor", "x.pid"]).current_dir(HOME);
    let answer = Answer::of(command)?;
    let remedy = "-> Ask as root of the machine, outside of containers and user namespaces.";
    let shim = "unknown  cannot be told: we may not see what is loaded";
    is(
        &answer,
        4,
        "of one it cannot be told",
        &[("shim", shim), (remedy, "")],
    )?;
    kill(daemon).map(drop)
}

/// What `run -p` refuses, and why.
fn no_places(scene: &Scene) -> Checked {
    scene.clear()?;
    fs::create_dir(file("directory.pid")).doing("make a directory")?;
    symlink("x.pid", file("link.pid")).doing("make a link")?;
    mkfifo(&file("fifo.pid"), Mode::from_bits_truncate(0o644)).doing("make a FIFO")?;
    let long = format!("{}.pid", "n".repeat(250));
    for (name, why) in [
        ("directory.pid", "it is a directory; name the file in it"),
        (
            "link.pid",
            "it is a symbolic link; name the file that it leads to",
        ),
        ("fifo.pid", "it is no regular file"),
        ("nowhere/x.pid", "there is no directory /"),
        (&long, "its name is too long to have a record beside it"),
    ] {
        let said = ask(scene, &format!("run -p {name} -- true"))?;
        let is_refused = said.err.contains(why);
        said.says(0, is_refused, why)?;
        let guard = format!("no       would not be started: {why}");
        let answer = ask(scene, &format!("doctor {name}"))?;
        is(&answer, 4, "cannot be told", &[("guard", &guard)])?;
    }
    Ok(())
}

/// Everybody can write its pidfile, which speaks for nobody then.
fn untrusted(scene: &Scene) -> Checked {
    scene.clear()?;
    let daemon = with_pidfile()?;
    let of_all = fs::Permissions::from_mode(0o666);
    fs::set_permissions(file("x.pid"), of_all).doing("open it to all users")?;
    is(
        &ask(scene, "doctor x.pid")?,
        4,
        "of two it cannot be told",
        &[
            (
                "shim",
                "unknown  cannot be told: the pidfile speaks for no living process",
            ),
            (
                "record",
                "unknown  cannot be told: the pidfile is untrusted",
            ),
            ("pidfile", "(untrusted)"),
        ],
    )?;
    kill(daemon).map(drop)
}

fn refused(scene: &Scene) -> Checked {
    let (daemon, guard, _post) = guarded(scene)?;
    for (subject, why) in [
        ("2147483646".to_owned(), "there is no process 2147483646"),
        ("/nowhere/daemon".to_owned(), "no such command"),
        ("no-such-daemon".to_owned(), "no such command"),
        (guard.pid.to_string(), "is a guard of pidward's, no daemon"),
        ("/run/".to_owned(), "it is a directory"),
    ] {
        let answer = ask(scene, &format!("doctor {subject}"))?;
        answer.says(2, answer.out.is_empty() && answer.err.contains(why), why)?;
    }
    kill(daemon).map(drop)
}

fn broken_guards(scene: &Scene) -> Checked {
    scene.clear()?;
    let copy = copied(scene)?;
    let guard = copy.join("pidward-guard");
    let whole = fs::read(&guard).doing("read the guard")?;
    let quarter = whole.get(..whole.len() / 4).unwrap_or_default();
    let asked = |ground: &str| {
        let answer = Answer::of(installed(&copy, &["doctor", "/bin/sh"]))?;
        is(&answer, 1, "", &[("guard", ground)])
    };
    asked("holds    would be started")?;
    let damaged = "it is damaged: neither a whole program nor a script";
    for (bytes, mode, why) in [
        (quarter, 0o755, damaged),
        (b"", 0o755, damaged),
        (b"\0\0\0\0", 0o755, damaged),
        (&whole[..], 0o644, "permission denied"),
    ] {
        fs::write(&guard, bytes).doing("damage it")?;
        fs::set_permissions(&guard, fs::Permissions::from_mode(mode)).doing("set its mode")?;
        asked(&format!(
            "no       cannot be started: {}: {why}",
            guard.display()
        ))?;
    }
    fs::remove_file(&guard).doing("remove it")?;
    asked("no       cannot be started: ")?;
    mkfifo(&guard, Mode::from_bits_truncate(0o755)).doing("make a FIFO")?;
    asked(&format!(
        "no       cannot be started: {}: it is no regular file",
        guard.display()
    ))
}

/// A copy of the daemon that gives a capability to whoever executes it.
fn capable() -> Checked<PathBuf> {
    let path = file("capable");
    fs::copy(Scene::program(LEGACY), &path).doing("copy a program")?;
    // struct vfs_cap_data, version 2: effective, CAP_NET_RAW permitted.
    let set = "import os, sys, struct\n\
               os.setxattr(sys.argv[1], 'security.capability', struct.pack('<5I', 0x2000001, 1 << 13, 0, 0, 0))\n";
    let mut python = bare("/usr/bin/python3".as_ref());
    python.args(["-S", "-c", set]).arg(&path);
    Answer::of(python)?.is(0, true, "capabilities")?;
    Ok(path)
}

/// Whoever asks: root would gain nothing by that program.
fn gained(scene: &Scene) -> Checked {
    scene.clear()?;
    let copy = copied(scene)?;
    let program = capable()?;
    let mut command = installed(&copy, &["run", "--"]);
    command.arg(&program).uid(65534).gid(65534);
    command.args("make open x.pid say ready hear".split_whitespace());
    let daemon = ready(command)?;
    let ground = "no       is not loaded by ld.so: the program gains capabilities of its file";
    let answer = ask(scene, "doctor x.pid")?;
    is(
        &answer,
        1,
        "",
        &[("shim", ground), ("file gives", "capabilities")],
    )?;
    kill(daemon)?;
    // It gains nothing for root, whose daemon it is.
    scene.clear()?;
    let program = capable()?;
    let mut command = bare(&program);
    command.args("make open x.pid say ready hear".split_whitespace());
    let daemon = ready(command)?;
    let answer = ask(scene, "doctor x.pid")?;
    is(
        &answer,
        1,
        "",
        &[(
            "shim",
            "no       not loaded: the daemon was started without pidward",
        )],
    )?;
    kill(daemon).map(drop)
}

fn fixed(scene: &Scene) -> Checked {
    scene.clear()?;
    let post = Post::at("x.pid")?;
    let daemon = of_run(scene, &["-p", "x.pid"], "make open x.pid say ready hear")?;
    post.recorded(daemon.process.pid)?;
    let chattr = |attribute: &str, path: &Path| {
        let mut chattr = bare("/usr/bin/chattr".as_ref());
        chattr.arg(attribute).arg(path);
        Answer::of(chattr)?.is(0, true, attribute)
    };
    for path in [&post.pidfile, Path::new(HOME)] {
        for (on, off) in [("+i", "-i"), ("+a", "-a")] {
            chattr(on, path)?;
            let why = format!(
                "but nobody can remove the pidfile: {} is immutable",
                path.display()
            );
            let answer = ask(scene, "doctor x.pid")?;
            chattr(off, path)?;
            is(
                &answer,
                1,
                "two of the four lines of defence hold",
                &[
                    ("shim", &format!("no       loaded, {why}")),
                    ("guard", &format!("no       at work, {why}")),
                    ("->", &format!("chattr -i -a {}", path.display())),
                ],
            )?;
        }
    }
    is(
        &ask(scene, "doctor x.pid")?,
        0,
        "all four lines of defence hold",
        &[],
    )?;
    kill(daemon).map(drop)
}

/// The first process of a PID namespace, whose /run is its own, and /var/run a link to that from its root.
const CONTAINER: &str = "mount -t tmpfs tmpfs /run && exec \"$@\"";

fn contained(scene: &Scene) -> Checked {
    scene.clear()?;
    for (options, conclusion, record) in [
        (
            &["--mount"][..],
            "all four lines of defence hold",
            "holds    proves",
        ),
        // Whoever is in there may know more.
        (
            &["--mount", "--pid", "--kill-child", "--mount-proc"],
            "hold, of one it cannot be told",
            "unknown  cannot be told: the pidfile is elsewhere",
        ),
    ] {
        let mut command = bare("/usr/bin/unshare".as_ref());
        command.args(options).args(["sh", "-c", CONTAINER, "sh"]);
        let run = pidward(scene, &["run", "-p", "/var/run/x.pid", "--"]);
        command.arg(run.get_program()).args(run.get_args());
        command.arg(Scene::program(LEGACY));
        command.args("make open /var/run/x.pid say ready hear".split_whitespace());
        let daemon = ready(command)?;
        let is_its = |seen: &proc::Seen| seen.comm == LEGACY;
        let pid = proc::others().into_iter().find(is_its).map(|it| it.pid);
        let pid = pid.ok_or("none").doing("find the daemon")?;
        let pidfile = format!("/proc/{pid}/root/run/x.pid");
        let text = fs::read_to_string(&pidfile).doing("read its pidfile")?;
        // A stranger of that number, and the same path, is not it.
        fs::write("/run/x.pid", &text).doing("write another")?;
        let post = Post::in_directory(format!("/proc/{pid}/root/run"), "x.pid")?;
        let written = Record::path(&post.pidfile);
        let whole = || {
            fs::read_to_string(&written)
                .ok()?
                .ends_with("end\n")
                .then_some(())
        };
        post.until("recorded", whole)?;
        let answer = ask(scene, &format!("doctor {pid}"))?;
        let said = format!("{pidfile}: ");
        let named = answer
            .out
            .lines()
            .next()
            .is_some_and(|line| line.contains(&said));
        let code = if conclusion.starts_with("all") { 0 } else { 4 };
        answer.is(code, named, &said)?;
        is(
            &answer,
            code,
            conclusion,
            &[
                ("guard", "holds    at work"),
                ("sweep", "holds    by \"pidward run -p\""),
                ("record", record),
            ],
        )?;
        kill(daemon)?;
    }
    Ok(())
}

fn managers(scene: &Scene) -> Checked {
    let cgroup = Cgroup::new()?;
    namespace::cover("/etc/systemd/system")?;
    let unit = "[Service]\nExecStart=/bin/x\nKillMode=mixed\nSystemCallFilter=x\n";
    fs::write("/etc/systemd/system/x.service", unit).doing("write a unit")?;
    for (group, hint, is_systems) in [
        (
            "system.slice/x.service",
            "pidward drop-in systemd x.service --install",
            true,
        ),
        (
            "user.slice/user-7.slice/user@7.service/app.slice/x.service",
            "as its user: systemctl --user edit x.service",
            false,
        ),
        // Nobody has to take that for a unit, or see it.
        (
            "system.slice/\u{1b}[2J.service",
            "Start it by \"pidward run --\".",
            false,
        ),
    ] {
        scene.clear()?;
        let daemon = with_pidfile()?;
        cgroup.holds(daemon.process.pid, group)?;
        let answer = ask(scene, "doctor x.pid")?;
        let knows = answer.out.contains("SystemCallFilter=");
        answer.is(1, knows == is_systems && answer.out.contains(hint), hint)?;
        answer.is(1, !answer.out.contains('\u{1b}'), "nothing raw")?;
        kill(daemon)?;
    }
    Ok(())
}

/// No file, no lock and no guard more or less, no signal.
fn unchanged(scene: &Scene) -> Checked {
    let (daemon, _guard, post) = guarded(scene)?;
    let seen = || -> Checked<Vec<(String, Vec<u8>)>> {
        let entries = fs::read_dir(HOME).doing("look at the files")?.flatten();
        let mut all: Vec<_> = entries
            .map(|entry| {
                let text = fs::read(entry.path()).unwrap_or_default();
                (entry.file_name().to_string_lossy().into_owned(), text)
            })
            .collect();
        all.sort();
        Ok(all)
    };
    let before = seen()?;
    for subject in ["x.pid", &daemon.process.pid.to_string(), "/bin/sh", "y.pid"] {
        ask(scene, &format!("doctor {subject}"))?;
    }
    let after = seen()?;
    if before != after {
        return Err(Failure::new(
            "files have changed",
            format!("{before:#?}\n{after:#?}"),
        ));
    }
    kill(daemon)?;
    post.cleared()
}
