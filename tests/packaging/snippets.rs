//! What others include: packages of daemons, and profiles of AppArmor.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;

use super::scratch::Scratch;
use super::{Test, output, said, same, source};

pub(super) const TESTS: &[Test] = &[
    ("the_abstraction_for_apparmor_is_sound", apparmor),
    (
        "the_abstraction_for_apparmor_allows_what_the_library_does_and_no_more",
        allowed,
    ),
    (
        "a_daemons_script_preloads_the_library_where_it_is_installed_and_only_there",
        script,
    ),
    ("a_daemons_unit_names_the_same_file", unit),
];

fn apparmor() -> Checked {
    let base = Scratch::new("apparmor")?;
    let abstractions = base.path().join("abstractions");
    fs::create_dir(&abstractions).doing("make a directory")?;
    let abstraction = source().join("packaging/apparmor/pidward");
    fs::copy(abstraction, abstractions.join("pidward")).doing("copy the abstraction")?;
    let profile = base.path().join("daemon");
    let text = "include <tunables/global>\nprofile daemon /usr/sbin/daemon {\n  include <abstractions/pidward>\n}\n";
    fs::write(&profile, text).doing("write a profile")?;
    let mut parser = Command::new("apparmor_parser");
    parser.args(["--skip-kernel-load", "--skip-cache", "--debug", "--base"]);
    parser
        .arg(base.path())
        .args(["--Include", "/etc/apparmor.d"])
        .arg(profile);
    let said = said(&mut parser)?;
    match said.contains("libpidward.so") {
        true => Ok(()),
        false => Err(Failure::new("the abstraction is not included", said)),
    }
}

/// A daemon that has its pidfile locked when it is ended: of such a one the library asks all that it ever asks.
const DAEMON: &str = "import fcntl, os, signal, sys
pidfile = open(sys.argv[1], 'w')
fcntl.flock(pidfile, fcntl.LOCK_EX)
pidfile.write('%d\\n' % os.getpid())
pidfile.flush()
os.kill(os.getpid(), signal.SIGTERM)
";

/// No kernel that tests run on has AppArmor. What the library does is known from strace(1), and what of that the kernel asks
/// AppArmor for from its source: reading, writing and locking, which a lease counts as.
fn allowed() -> Checked {
    let scratch = Scratch::new("allowed")?;
    let (run, traces) = (scratch.path().join("run"), scratch.path().join("traces"));
    for directory in [&run, &traces] {
        fs::create_dir(directory).doing("make a directory")?;
    }
    let pidfile = run.join("x.pid");
    let library = release::directory()?.join("libpidward.so");
    let library = library.canonicalize().doing("find the library")?;
    let mut strace = Command::new("strace");
    // A file a process: one of all would have lines in two pieces.
    strace.args(["-ff", "-y", "-e", "trace=openat,execve,fcntl,renameat2"]);
    strace.arg("-o").arg(traces.join("of"));
    strace.arg(format!("--env=LD_PRELOAD={}", library.display()));
    strace.args(["python3", "-c", DAEMON]).arg(&pidfile);
    // It ends as the daemon does, by a signal.
    output(&mut strace)?;
    if pidfile.exists() {
        return Err(Failure::new("not removed", pidfile.display()));
    }
    let mut done = Vec::new();
    for trace in fs::read_dir(traces).doing("read the traces")?.flatten() {
        let trace = fs::read_to_string(trace.path()).doing("read a trace")?;
        done.extend(by_the_library(&trace));
    }
    let text = fs::read_to_string(source().join("packaging/apparmor/pidward"));
    let text = text.doing("read the abstraction")?;
    let granted = text.lines().filter(|line| line.starts_with("  @{PROC}"));
    let granted: BTreeSet<String> = granted.map(|line| line.trim().to_owned()).collect();
    let read = done.iter().filter_map(|line| rule(line)).collect();
    same("what it reads below /proc", &granted, &read)?;
    let leased = |name: &str| {
        let mut leases = done.iter().filter(|line| line.contains("F_SETLEASE"));
        leases.any(|line| line.contains(name))
    };
    let moved = done.iter().any(|line| line.contains("renameat2("));
    same(
        "what it does to a pidfile",
        &(leased("/x.pid>"), moved, leased("/.x.pid.pidward>")),
        &(true, true, true),
    )?;
    for rule in [
        "  /{,var/}run/{,**/}*[pP][iI][dD] rk,\n",
        "  /{,var/}run/{,**/}.*.pidward rwk,\n",
    ] {
        if !text.contains(rule) {
            return Err(Failure::new("not allowed", rule));
        }
    }
    Ok(())
}

/// Of what a process has done, what the library did: from the pidfile on, until it became the guard, which has no profile.
fn by_the_library(trace: &str) -> Vec<String> {
    let is_daemon = trace.contains("\"python3\"");
    let makes = |line: &str| line.contains("openat(") && line.contains("/x.pid\", ");
    let lines = trace.lines();
    let lines = lines.skip_while(|line| is_daemon && !makes(line));
    let lines = lines.take_while(|line| !line.contains("/pidward-guard\""));
    lines.map(str::to_owned).collect()
}

/// The rule for what a line of strace's says was opened below /proc.
fn rule(line: &str) -> Option<String> {
    let (call, opened) = line.rsplit_once(" = ")?;
    let path = opened.split_once("</proc/")?.1.split('>').next()?;
    if !call.contains("openat(") {
        return None;
    }
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words: Vec<&str> = path.split('/').collect();
    for (place, name) in [(0, "@{pid}"), (2, "@{tid}"), (4, "*")] {
        if let Some(word) = words.get_mut(place).filter(|word| is_number(word)) {
            *word = name;
        }
    }
    let slash = if call.contains("O_DIRECTORY") {
        "/"
    } else {
        ""
    };
    Some(format!("@{{PROC}}/{}{slash} r,", words.join("/")))
}

/// With the paths of a scratch directory.
fn script() -> Checked {
    let installed = Scratch::new("script")?;
    let environment = installed.path().join("preload.env");
    let lines = fs::read_to_string(source().join("packaging/maintainers/init-script"));
    let lines = lines.doing("read the lines")?;
    let path = environment.display().to_string();
    let lines = lines.replace("/usr/lib/pidward/preload.env", &path);
    let script = format!("set -eu\n{lines}\ngrep -c libpidward.so /proc/self/maps || :\n");
    let run = || said(Command::new("sh").args(["-c", &script]));
    same("without pidward", &run()?.trim(), &"0")?;
    let library = release::directory()?.join("libpidward.so");
    let library = library.canonicalize().doing("find the library")?;
    let text = format!("LD_PRELOAD={}\n", library.display());
    fs::write(&environment, text).doing("install")?;
    match run()?.trim() {
        "0" => Err(Failure::new("the library is not there", lines)),
        _ => Ok(()),
    }
}

fn unit() -> Checked {
    let unit = fs::read_to_string(source().join("packaging/maintainers/pidward.conf"));
    let unit = unit.doing("read the drop-in")?;
    let line = unit.lines().last().unwrap_or_default();
    same(
        "its line",
        &line,
        &"EnvironmentFile=-/usr/lib/pidward/preload.env",
    )
}
