//! The promises of `pidward drop-in systemd`: what it prints for a unit, and what it installs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace;

use crate::answer::{Answer, ask};
use crate::cgroup::Cgroup;
use crate::compare::bare;
use crate::guard::post::{daemon, kill, ready};
use crate::promise::Promise;
use crate::run::pidward;
use crate::scene::{self, HOME, Scene, write};

const UNITS: &str = "/etc/systemd/system";

/// All of them.
pub(crate) fn promises() -> Vec<Promise> {
    let each = |name: &'static str, check: fn(&Scene) -> Checked| Promise::new(name, check);
    vec![
        each("a_drop_in_puts_run_before_each_command", commands),
        each("a_drop_in_names_the_pidfile_where_it_is_known", pidfiles),
        each("a_drop_in_is_the_same_when_it_is_in_place_already", again),
        each(
            "a_drop_in_lets_through_what_the_units_sandbox_would_not",
            sandbox,
        ),
        each(
            "a_drop_in_tells_what_takes_a_line_of_defence_away",
            warnings,
        ),
        each(
            "a_drop_in_is_installed_and_removed_and_nothing_else_is",
            installed,
        ),
        each("a_drop_in_is_removed_when_its_unit_is_gone", orphaned),
        each("without_such_a_service_there_is_no_drop_in", refusals),
        each(
            "a_unit_that_systemd_calls_masked_is_said_to_be_masked",
            masked,
        ),
        each(
            "a_drop_in_has_nothing_raw_of_what_others_have_named",
            nothing_raw,
        ),
        each(
            "a_drop_in_waits_for_no_fifo_and_reads_no_device",
            no_waiting,
        ),
        each(
            "a_pidfile_that_a_daemon_has_named_adds_nothing_to_its_unit",
            named_by_the_daemon,
        ),
        each("a_link_in_the_place_of_a_drop_in_stays", link),
        each(
            "systemd_finds_no_fault_with_debians_units_and_their_drop_ins",
            debians,
        ),
    ]
}

/// A unit of this text, and nothing else.
fn unit(name: &str, text: &str) -> Checked {
    fs::create_dir_all(HOME).doing("make a directory")?;
    namespace::cover(UNITS)?;
    fs::write(Path::new(UNITS).join(name), text).doing("write a unit")
}

/// The drop-in of x.service with this section has these lines, and begins as ours do.
fn has(scene: &Scene, section: &str, lines: &[&str]) -> Checked<Answer> {
    unit("x.service", &format!("[Service]\n{section}\n"))?;
    let answer = ask(scene, "drop-in systemd x")?;
    let pidward = scene.release.join("pidward").display().to_string();
    let said = answer.out.replace(&pidward, "PIDWARD");
    let begins = said.starts_with("# Written by \"pidward drop-in systemd x.service\".\n");
    let all = lines.iter().all(|line| said.lines().any(|it| it == *line));
    answer.says(0, begins && all, &format!("{lines:#?}"))?;
    Ok(answer)
}

fn commands(scene: &Scene) -> Checked {
    let reset = ["[Service]", "ExecStart="];
    has(scene, "ExecStart=/bin/x -a $B", &reset)?;
    for (start, expected) in [
        ("/bin/x -a $B", "PIDWARD run -- /bin/x -a $B"),
        ("-/bin/x", "-PIDWARD run -- /bin/x"),
        ("+:/bin/x", "+:PIDWARD run -- /bin/x"),
        ("@/bin/x x -a", "PIDWARD run -- /bin/x -a"),
        ("\"/a b/x\" \"%i\"", "PIDWARD run -- \"/a b/x\" \"%i\""),
        (
            "/bin/x ; \"/b n/y\" -a",
            "PIDWARD run -- /bin/x ; PIDWARD run -- \"/b n/y\" -a",
        ),
        ("/bin/x ;", "PIDWARD run -- /bin/x"),
        (
            "/bin/sh -c 'x ; y' \\; z",
            "PIDWARD run -- /bin/sh -c 'x ; y' \\; z",
        ),
        ("/bin/x \\\n  --long", "PIDWARD run -- /bin/x    --long"),
        // A shell's line begins with what the shell likes.
        ("|A=1 exec x", "|A=1 exec x"),
    ] {
        has(
            scene,
            &format!("ExecStart={start}"),
            &[&format!("ExecStart={expected}")],
        )?;
    }
    let two = "Type=oneshot\nExecStart=/bin/gone\nExecStart=\nExecStart=/bin/x\nExecStart=/bin/y";
    let answer = has(
        scene,
        two,
        &[
            "ExecStart=PIDWARD run -- /bin/x",
            "ExecStart=PIDWARD run -- /bin/y",
        ],
    )?;
    answer.is(0, !answer.out.contains("/bin/gone"), "what is in force")?;
    // As an editor may have begun it.
    unit("x.service", "\u{feff}[Service]\nExecStart=/bin/x\n")?;
    ask(scene, "drop-in systemd x")?.is(0, true, "a byte order mark is nothing")?;
    // What the administrator has changed counts.
    unit("x.service", "[Service]\nExecStart=/bin/x\n")?;
    fs::create_dir(format!("{UNITS}/x.service.d")).doing("make a directory")?;
    let other = "[Service]\nExecStart=\nExecStart=/bin/other\n";
    fs::write(format!("{UNITS}/x.service.d/10-other.conf"), other).doing("write a drop-in")?;
    let answer = ask(scene, "drop-in systemd x.service")?;
    let is_other =
        answer.out.contains("run -- /bin/other\n") && !answer.out.contains("-- /bin/x\n");
    answer.is(0, is_other, "the administrator's")
}

fn pidfiles(scene: &Scene) -> Checked {
    let sweep = |path: &str| format!("ExecStopPost=-+PIDWARD sweep --quiet --settle {path}");
    let start = |path: &str| format!("ExecStart=PIDWARD run -p {path} -- /bin/x");
    for (setting, path) in [
        ("/run/x.pid", "/run/x.pid"),
        ("y/x.pid", "/run/y/x.pid"),
        ("%t/x.pid", "%t/x.pid"),
    ] {
        let section = format!("Type=forking\nPIDFile={setting}\nExecStart=/bin/x");
        let answer = has(scene, &section, &[&start(path), &sweep(path)])?;
        answer.is(0, !answer.out.contains("PIDFile="), "no other PIDFile=")?;
    }
    // Of one that is not known, whatever is stale in the usual places.
    has(
        scene,
        "ExecStart=/bin/x",
        &["ExecStopPost=-+PIDWARD sweep --quiet --settle"],
    )?;
    let section = "Type=forking\nExecStart=/bin/x --pidfile=/run/z.pid";
    has(
        scene,
        section,
        &["PIDFile=/run/z.pid", &sweep("/run/z.pid")],
    )?;
    // Only a forking one has its main process told by it.
    let section = "Type=notify\nExecStart=/bin/x --pidfile=/run/z.pid";
    let answer = has(scene, section, &[&sweep("/run/z.pid")])?;
    answer.is(0, !answer.out.contains("PIDFile="), "no PIDFile=")?;
    let script = "/mnt/script";
    let text =
        format!("[Unit]\nSourcePath={script}\n[Service]\nType=forking\nExecStart={script} start\n");
    unit("x.service", &text)?;
    for (lines, is_known) in [
        ("# pidfile: /var/run/old.pid", true),
        ("PIDFILE=/var/run/old.pid", true),
        ("NAME=old\nPIDFILE=/var/run/$NAME.pid", true),
        ("PIDFILE=/var/run/$NAME.pid", false),
    ] {
        fs::write(script, format!("#!/bin/sh\n{lines}\n")).doing("write a script")?;
        let answer = ask(scene, "drop-in systemd x")?;
        let is_said = answer.out.contains("PIDFile=/var/run/old.pid\n");
        let is_as_known = is_said == is_known && answer.out.contains("\nPIDFile=") == is_known;
        answer.says(0, is_as_known, lines)?;
    }
    Ok(())
}

fn again(scene: &Scene) -> Checked {
    unit(
        "x.service",
        "[Service]\nType=forking\nPIDFile=/run/x.pid\nExecStart=/bin/x\n",
    )?;
    let first = ask(scene, "drop-in systemd x")?;
    ask(scene, "drop-in systemd x --install")?.says(0, true, "installed")?;
    let second = ask(scene, "drop-in systemd x")?;
    second.is(0, second.out == first.out, &first.out)?;
    // And where somebody has written it himself.
    let own = "[Service]\nExecStart=/usr/bin/pidward run -- /bin/x";
    has(scene, own, &["ExecStart=/usr/bin/pidward run -- /bin/x"]).map(drop)
}

fn sandbox(scene: &Scene) -> Checked {
    let file = |name: &str| scene.release.join(name).display().to_string();
    // The guard's path begins with the command's.
    let paths = format!("ExecPaths=PIDWARD {} PIDWARD-guard", file("libpidward.so"));
    has(
        scene,
        "NoExecPaths=/\nExecPaths=/bin/x\nExecStart=/bin/x",
        &[&paths],
    )?;
    let strict = "ProtectSystem=strict\nExecStart=/bin/x";
    has(scene, strict, &["ReadWritePaths=-/var/lib/pidward"])?;
    let families = "RestrictAddressFamilies=AF_INET AF_INET6\nExecStart=/bin/x";
    has(scene, families, &["RestrictAddressFamilies=AF_UNIX"])?;
    for plain in [
        "ProtectSystem=full",
        "RestrictAddressFamilies=AF_UNIX AF_INET",
        "RestrictAddressFamilies=~AF_PACKET",
        "NoNewPrivileges=yes",
        "MemoryDenyWriteExecute=yes",
    ] {
        let answer = has(scene, &format!("{plain}\nExecStart=/bin/x"), &[])?;
        let lines = answer.out.lines().count();
        answer.is(0, lines == 5, "nothing for that")?;
    }
    Ok(())
}

fn warnings(scene: &Scene) -> Checked {
    for (setting, word) in [
        ("SystemCallFilter=@system-service", "SystemCallFilter="),
        ("RootDirectory=/srv/root", "RootDirectory="),
        ("ProcSubset=pid", "ProcSubset=pid"),
        ("Type=forking", "PIDFile="),
        ("TemporaryFileSystem=/", "TemporaryFileSystem= hides"),
        ("PrivateTmp=yes\nPIDFile=/tmp/x.pid", "PrivateTmp="),
        ("ExecStart=|/bin/y", "line for a shell"),
    ] {
        let answer = has(scene, &format!("{setting}\nExecStart=/bin/x"), &[])?;
        // In the drop-in too, for who reads it later.
        let comment = answer
            .out
            .lines()
            .any(|line| line.starts_with("# ") && line.contains(word));
        answer.says(0, comment && answer.err.contains(word), setting)?;
    }
    let su = "ExecStart=/usr/bin/su";
    for (user, gains) in [
        ("User=nobody\n", true),
        ("DynamicUser=yes\n", true),
        ("User=nobody\nNoNewPrivileges=yes\n", false),
        // Root has them already.
        ("", false),
        ("DynamicUser=No\n", false),
    ] {
        let answer = has(scene, &format!("{user}{su}"), &[])?;
        answer.says(0, answer.err.contains("gains rights") == gains, user)?;
    }
    let answer = has(scene, "ExecStart=/bin/x", &[])?;
    answer.is(0, true, "nothing to tell")
}

fn installed(scene: &Scene) -> Checked {
    unit("x.service", "[Service]\nExecStart=/bin/x\n")?;
    let printed = ask(scene, "drop-in systemd x")?;
    let file = format!("{UNITS}/x.service.d/50-pidward.conf");
    let answer = ask(scene, "drop-in systemd x --install")?;
    let next = "Now run: systemctl daemon-reload && systemctl restart x.service\n";
    answer.is(0, answer.out == format!("wrote {file}\n{next}"), next)?;
    let written = fs::read_to_string(&file).doing("read it")?;
    if written != printed.out {
        return Err(Failure::new("another one is written", written));
    }
    let answer = ask(scene, "drop-in systemd x --remove")?;
    answer.is(0, answer.out == format!("removed {file}\n{next}"), next)?;
    if Path::new(&file).exists() || Path::new(&format!("{UNITS}/x.service.d")).exists() {
        return Err(Failure::new("something is left", file));
    }
    ask(scene, "drop-in systemd x --remove")?.says(0, true, "nothing to remove")?;
    // Somebody else's.
    fs::create_dir(format!("{UNITS}/x.service.d")).doing("make a directory")?;
    fs::write(&file, "[Service]\n").doing("write another")?;
    for option in ["--install", "--remove"] {
        let answer = ask(scene, &format!("drop-in systemd x {option}"))?;
        answer.says(1, answer.err.contains("was not written by pidward"), option)?;
    }
    let left = fs::read_to_string(&file).doing("read it")?;
    match left == "[Service]\n" {
        true => Ok(()),
        false => Err(Failure::new("another's file was changed", left)),
    }
}

/// A package takes its unit with it, and leaves what the administrator has in /etc.
fn orphaned(scene: &Scene) -> Checked {
    unit("x.service", "[Service]\nExecStart=/bin/x\n")?;
    ask(scene, "drop-in systemd x --install")?.says(0, true, "installed")?;
    fs::remove_file(format!("{UNITS}/x.service")).doing("remove the unit")?;
    let directory = format!("{UNITS}/x.service.d");
    let said = format!("removed {directory}/50-pidward.conf\nNow run: systemctl daemon-reload\n");
    let answer = ask(scene, "drop-in systemd x --remove")?;
    let is_gone = !Path::new(&directory).exists();
    answer.is(0, answer.out == said && is_gone, &said)?;
    // No longer is there anything of that name.
    ask(scene, "drop-in systemd x --remove")?.is_refusal(2, &["there is no unit x"])
}

/// `systemctl cat` has a remark for such a unit, and ends as if that were its text.
fn masked(scene: &Scene) -> Checked {
    unit("y.service", "[Service]\nExecStart=/bin/x\n")?;
    let file = format!("{UNITS}/x.service");
    symlink("/dev/null", &file).doing("mask it")?;
    fs::create_dir_all("/run/systemd/system").doing("have systemd run")?;
    write(
        "systemctl",
        "#!/bin/sh\necho '# Unit x.service is masked.'\n",
    )?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(scene::file("systemctl"), executable).doing("make it executable")?;
    let mut command = pidward(scene, &["drop-in", "systemd", "x"]);
    command.env("PATH", format!("{HOME}:/usr/bin:/bin"));
    Answer::of(command)?.is_refusal(2, &[&format!("x is masked by {file}")])
}

fn refusals(scene: &Scene) -> Checked {
    unit("x.service", "[Service]\nType=oneshot\nExecStop=/bin/x\n")?;
    for (name, words) in [
        ("nowhere", "there is no unit nowhere"),
        ("x.socket", "x.socket is no service"),
        ("../x", "is no name of a unit"),
        ("x", "x.service starts nothing"),
    ] {
        let answer = ask(scene, &format!("drop-in systemd {name}"))?;
        answer.says(
            2,
            answer.out.is_empty() && answer.err.contains(words),
            words,
        )?;
    }
    Ok(())
}

/// No control characters, in neither of both.
fn shows_nothing_raw(answer: &Answer) -> Checked {
    let is_raw = |it: char| it.is_control() && it != '\n';
    let all = [&answer.out, &answer.err];
    answer.says(0, !all.iter().any(|it| it.contains(is_raw)), "nothing raw")
}

fn nothing_raw(scene: &Scene) -> Checked {
    for (start, expected) in [
        (
            "/bin/x \u{1b}[31m",
            "ExecStart=PIDWARD run -- /bin/x \\x1b[31m",
        ),
        (
            "/bin/x \u{9b}1m",
            "ExecStart=PIDWARD run -- /bin/x \\u009b1m",
        ),
        ("@/bin/x \u{1b}c", "ExecStart=PIDWARD run -- /bin/x"),
        // That ends a line as well.
        ("/bin/x\rExecStop=/bin/y", "ExecStart=PIDWARD run -- /bin/x"),
    ] {
        let answer = has(scene, &format!("ExecStart={start}"), &[expected])?;
        shows_nothing_raw(&answer)?;
    }
    // A path that it takes a shell to know is none.
    for path in ["/run/$X.pid", "/run/x.pid'", "/run/x.pid\""] {
        let section = format!("Type=forking\nExecStart=/bin/x --pidfile={path}");
        let answer = has(scene, &section, &[])?;
        answer.says(0, !answer.out.contains("\nPIDFile="), path)?;
    }
    Ok(())
}

/// Whoever may write a pidfile of a service's could write its unit, if the name were written as it is.
fn named_by_the_daemon(scene: &Scene) -> Checked {
    let cgroup = Cgroup::new()?;
    fs::create_dir_all("/run/x").doing("make the daemon's directory")?;
    for (name, expected) in [
        ("%n.pid", "PIDFile=/run/x/%%n.pid"),
        (
            "a\nExecStartPre=+x$y.pid",
            "ExecStart=PIDWARD run -p \"/run/x/a\\x0aExecStartPre=+x$$y.pid\" -- /bin/x",
        ),
        (
            "\u{1b}c.pid",
            "ExecStart=PIDWARD run -p /run/x/\\x1bc.pid -- /bin/x",
        ),
    ] {
        scene.clear()?;
        let pidfile = Path::new("/run/x").join(name);
        let daemon = ready(daemon("make open x.pid say ready hear"))?;
        fs::write(&pidfile, daemon.process.pid.to_string()).doing("write its pidfile")?;
        cgroup.holds(daemon.process.pid, "x.service")?;
        let answer = has(scene, "Type=forking\nExecStart=/bin/x", &[expected])?;
        shows_nothing_raw(&answer)?;
        kill(daemon)?;
        fs::remove_file(&pidfile).doing("remove it")?;
    }
    Ok(())
}

fn no_waiting(scene: &Scene) -> Checked {
    let fifo = |path: &str| mkfifo(path, Mode::from_bits_truncate(0o644)).doing("make a FIFO");
    unit("x.service", "[Service]\nExecStart=/bin/x\n")?;
    let directory = format!("{UNITS}/x.service.d");
    fs::create_dir(&directory).doing("make a directory")?;
    let one = format!("{directory}/10-other.conf");
    fifo(&one)?;
    let no_file = "it is no regular file";
    let refused = |words: &str, code| {
        let answer = ask(scene, "drop-in systemd x")?;
        answer.says(
            code,
            answer.out.is_empty() && answer.err.contains(words),
            words,
        )
    };
    refused(&format!("cannot read {one}: {no_file}"), 4)?;
    fs::remove_file(&one).doing("remove it")?;
    symlink("/dev/zero", &one).doing("link")?;
    refused(&format!("cannot read {one}: {no_file}"), 4)?;
    // That is how one is taken back.
    fs::remove_file(&one).doing("remove it")?;
    symlink("/dev/null", &one).doing("link")?;
    ask(scene, "drop-in systemd x")?.is(0, true, "masked drop-in")?;
    let own = format!("{directory}/50-pidward.conf");
    fifo(&own)?;
    for option in ["--install", "--remove"] {
        let answer = ask(scene, &format!("drop-in systemd x {option}"))?;
        answer.says(1, answer.err.contains(no_file), option)?;
    }
    let file = format!("{UNITS}/x.service");
    fs::remove_file(&file).doing("remove the unit")?;
    fifo(&file)?;
    refused(&format!("cannot read {file}: {no_file}"), 4)?;
    fs::remove_file(&file).doing("remove it")?;
    symlink("/dev/null", &file).doing("mask it")?;
    refused(&format!("x is masked by {file}"), 2)?;
    let section = format!("[Unit]\nSourcePath={own}\n[Service]\nExecStart=/bin/x\n");
    unit("x.service", &section)?;
    fs::create_dir(&directory).doing("make a directory")?;
    fifo(&own)?;
    ask(scene, "drop-in systemd x")?.is(0, true, "a script that is none")
}

fn link(scene: &Scene) -> Checked {
    unit("x.service", "[Service]\nExecStart=/bin/x\n")?;
    fs::create_dir(format!("{UNITS}/x.service.d")).doing("make a directory")?;
    let file = format!("{UNITS}/x.service.d/50-pidward.conf");
    let elsewhere = crate::scene::file("50-pidward.conf");
    symlink(&elsewhere, &file).doing("link")?;
    // Nowhere, and to what begins as one of ours does.
    for there in [false, true] {
        if there {
            let printed = ask(scene, "drop-in systemd x")?.out;
            fs::write(&elsewhere, printed).doing("write one")?;
        }
        for option in ["--install", "--remove"] {
            let answer = ask(scene, &format!("drop-in systemd x {option}"))?;
            answer.says(1, answer.err.contains("was not written by pidward"), option)?;
        }
        if fs::read_link(&file).ok() != Some(elsewhere.clone()) || elsewhere.exists() != there {
            return Err(Failure::new("the link is another one", file));
        }
    }
    Ok(())
}

/// systemd-analyze(1) has nothing to say that it did not say before.
fn debians(scene: &Scene) -> Checked {
    scene.clear()?;
    namespace::layer("/tmp")?;
    let verify = |unit: &str| {
        let mut verify = bare("/usr/bin/systemd-analyze".as_ref());
        verify.args(["verify", "--man=no", unit]);
        Answer::of(verify)
    };
    for name in [
        "apache2",
        "ssh",
        "nginx",
        "redis-server",
        "cron",
        "rsyslog",
        "haproxy",
        "dnsmasq",
        "memcached",
        "chrony",
    ] {
        namespace::cover(UNITS)?;
        let unit = format!("{name}.service");
        let before = verify(&unit)?;
        let answer = ask(scene, &format!("drop-in systemd {name} --install"))?;
        answer.says(0, true, name)?;
        let after = verify(&unit)?;
        after.says(
            before.code.unwrap_or(-1),
            after.err == before.err,
            &before.err,
        )?;
    }
    Ok(())
}
