//! What `doctor` has found: the conclusion, a line for each line of defence with what to do, and the facts.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::Path;

use nix::unistd::geteuid;
use pidward_identity::evidence::Proof;

use super::text::{cause, cause_of, escaped, escaped_bytes, user};
use super::{advice, drop_in, notice, to_stdout, verdict, wants_colour, why_refused};
use crate::command::drop_in::Warning;
use crate::doctor::boot::{Boot, Init, SCRIPT, UNIT};
use crate::doctor::elf::Libc;
use crate::doctor::installed::{Fault, Installed};
use crate::doctor::judge::{Guard, Judgement, Killer, Record, Shim, State, Sweep};
use crate::doctor::kernel::Kernel;
use crate::doctor::process::{Manager, NoProcess, Process, Service};
use crate::doctor::program::{Gain, Program};
use crate::doctor::{Facts, NoSubject};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::parts::Unusable;
use crate::place::NoPlace;

/// There is nothing that could be examined.
pub(crate) fn nothing_to_examine(why: &NoSubject) -> Exit {
    match why {
        NoSubject::Process(pid, why) => {
            let pid = pid.get();
            match why {
                NoProcess::Gone => notice(&format!(
                    "there is no process {pid}, or none that we may see"
                )),
                NoProcess::Thread(group) => advice(
                    &format!("{pid} is a thread of process {group}"),
                    &format!("Ask for that: pidward doctor {group}"),
                ),
                NoProcess::Kernel => {
                    notice(&format!("{pid} is a thread of the kernel's, no daemon"))
                }
                NoProcess::Zombie => notice(&format!("process {pid} is dead, and not reaped yet")),
                NoProcess::Guard => {
                    notice(&format!("process {pid} is a guard of pidward's, no daemon"))
                }
            }
        }
        NoSubject::Program(name, why) => {
            let why = super::why_unrunnable(*why);
            advice(
                &format!("cannot examine {}: {why}", escaped(name)),
                "Name a pidfile, a process ID or a program.",
            );
        }
        NoSubject::Place(path, NoPlace::Directory) => {
            notice(&format!(
                "cannot examine {}: it is a directory",
                escaped(path)
            ));
        }
        NoSubject::Place(path, NoPlace::NoCurrentDirectory(error)) => notice(&format!(
            "cannot examine {}: the current directory has no path: {}",
            escaped(path),
            cause_of(error)
        )),
    }
    Exit::Usage
}

/// Says it all.
///
/// # Errors
/// When standard output does not take it; that has been said then.
pub(crate) fn report(
    facts: &Facts,
    judgement: &Judgement<'_>,
    warnings: &[Warning],
    environment: &Environment,
) -> io::Result<()> {
    let colour = io::stdout().is_terminal() && wants_colour(environment);
    let mut text = format!("{}: {}\n\n", subject(facts), conclusion(judgement));
    let grounds = [
        ("shim", shim(&judgement.shim, facts)),
        ("guard", guard(&judgement.guard, facts)),
        ("sweep", sweep(&judgement.sweep, facts)),
        ("record", record(&judgement.record, facts)),
    ];
    for ((name, (ground, remedy)), state) in grounds.into_iter().zip(judgement.states()) {
        let (word, on) = match state {
            State::Holds => ("holds", "\x1b[32m"),
            State::Fails => ("no", "\x1b[31m"),
            State::Unknown => ("unknown", "\x1b[33m"),
        };
        let (on, off) = if colour { (on, "\x1b[0m") } else { ("", "") };
        let _ = writeln!(text, "  {name:<8}{on}{word:<9}{off}{ground}");
        if let Some(remedy) = remedy {
            let _ = writeln!(text, "{:19}-> {remedy}", "");
        }
    }
    text.push('\n');
    for (name, fact) in all_facts(facts, warnings) {
        let _ = writeln!(text, "  {name:<12}{fact}");
    }
    to_stdout(&text)
}

/// What was examined.
fn subject(facts: &Facts) -> String {
    let process = facts.process.as_ref();
    let process = process.map(|it| format!("{}, PID {}", escaped_bytes(&it.comm), it.pid.get()));
    let pidfile = facts.site.as_ref().map(|it| escaped(&it.finding.path));
    let program = facts.program.as_ref().filter(|_| process.is_none());
    let program = program.map(|it| escaped(it.script.as_deref().unwrap_or(&it.path)));
    let all: Vec<String> = [process, pidfile, program].into_iter().flatten().collect();
    all.join(", ")
}

/// Of four lines there are no more than so many.
const NUMBERS: [&str; 5] = ["none", "one", "two", "three", "four"];

fn conclusion(judgement: &Judgement<'_>) -> String {
    let states = judgement.states();
    let count = |wanted: State| states.iter().filter(|&&state| state == wanted).count();
    let holding = match count(State::Holds) {
        4 => "all four lines of defence hold".to_owned(),
        some @ (0 | 1) => format!("{} of the four lines of defence holds", NUMBERS[some]),
        some => format!("{} of the four lines of defence hold", NUMBERS[some]),
    };
    match count(State::Unknown) {
        0 => holding,
        1 => format!("{holding}, of one it cannot be told"),
        some => format!("{holding}, of {} it cannot be told", NUMBERS[some]),
    }
}

/// A ground, and what to do about it.
type Said = (String, Option<String>);

fn said(ground: &str) -> Said {
    (ground.to_owned(), None)
}

fn shim(shim: &Shim<'_>, facts: &Facts) -> Said {
    const GUARDED: &str = "its guard removes the pidfile";
    match shim {
        Shim::Loaded => said("loaded: the pidfile goes before the daemon is gone"),
        Shim::LoadedBefore => (
            "loaded, from a file that has been replaced since".to_owned(),
            Some("Restart the daemon when it suits you, to have the installed one.".to_owned()),
        ),
        Shim::WouldLoad => said("would be loaded: the program is dynamic and gains no rights"),
        Shim::Filtered => said(&format!(
            "loaded, and does nothing under the daemon's seccomp filter: {GUARDED}"
        )),
        Shim::Powerless => said(&format!(
            "loaded, but the daemon may not remove its pidfile: {GUARDED}"
        )),
        Shim::Fixed(path) => fixed("loaded, but", path),
        Shim::Chrooted(root) => said(&format!(
            "loaded, but the daemon is locked into {}: {GUARDED}",
            escaped(root)
        )),
        Shim::NotPreloaded => (
            "not loaded: the daemon was started without pidward".to_owned(),
            Some(start(facts)),
        ),
        Shim::Static => (
            "cannot be loaded: the program is static".to_owned(),
            Some(start_named(facts)),
        ),
        Shim::OtherMachine => (
            "cannot be loaded: the program is for another kind of machine than the library"
                .to_owned(),
            Some(start_named(facts)),
        ),
        Shim::Gains(gain) => (
            format!(
                "is not loaded by ld.so: the program gains {} when it is executed",
                gained(*gain)
            ),
            Some(start_named(facts)),
        ),
        Shim::Unusable(why) => (
            match why {
                Unusable::Missing(path) => {
                    format!("cannot be loaded: there is no {}", escaped(path))
                }
                Unusable::Unreadable(path, error) => {
                    format!("cannot be loaded: {}: {}", escaped(path), cause_of(error))
                }
                Unusable::Foreign(path) => {
                    format!(
                        "cannot be loaded: {} is no shared library of this machine",
                        escaped(path)
                    )
                }
            },
            Some("Install pidward as a whole.".to_owned()),
        ),
        Shim::NoExec => (
            "cannot be loaded: it lies on a mount from which nothing is executed (noexec)"
                .to_owned(),
            Some("Install pidward elsewhere.".to_owned()),
        ),
        Shim::OtherLibc => said("may be loaded: the program's C library is neither glibc nor musl"),
        Shim::Unseen => as_root("cannot be told: we may not see what is loaded into the process"),
        Shim::NoProcess => said("cannot be told: the pidfile speaks for no living process"),
        Shim::NoElf => {
            said("cannot be told: the program is neither ELF nor a script with an interpreter")
        }
        Shim::Unreadable(error) => as_root(&format!(
            "cannot be told: the program cannot be read: {}",
            cause_of(error)
        )),
    }
}

/// What keeps everybody from removing it.
fn fixed(but: &str, path: &Path) -> Said {
    let path = escaped(path);
    (
        format!("{but} nobody can remove the pidfile: {path} is immutable or append-only"),
        Some(format!("chattr -i -a {path}")),
    )
}

/// Who is root already, and sees it no more than others, is so in a user namespace that has no say over it.
fn as_root(ground: &str) -> Said {
    let remedy = match geteuid().is_root() {
        true => "Ask as root of the machine, outside of containers and user namespaces.",
        false => "Ask as root.",
    };
    (ground.to_owned(), Some(remedy.to_owned()))
}

/// How it is started with pidward.
fn start(facts: &Facts) -> String {
    let process = facts.process.as_ref();
    if let Some(Service { name, manager }) = process.and_then(|it| it.unit.as_ref()) {
        return match manager {
            Manager::System => format!("pidward drop-in systemd {name} --install, and restart it"),
            Manager::User => format!(
                "Put \"pidward run --\" before its ExecStart=, as its user: systemctl --user edit {name}"
            ),
            Manager::Container => format!(
                "In its container: pidward drop-in systemd {name} --install, and restart it"
            ),
        };
    }
    let script = process.map(|it| escaped_bytes(&it.comm));
    let script = script.filter(|it| Path::new("/etc/init.d").join(it).is_file());
    match (facts.boot.init, script) {
        (Init::OpenRc, Some(name)) => {
            format!("pidward drop-in openrc {name} --install, and restart it")
        }
        (Init::Sysvinit, Some(name)) => {
            format!("pidward drop-in sysv {name} --install, and restart it")
        }
        _ => "Start it by \"pidward run --\".".to_owned(),
    }
}

/// The same where the library does nothing.
fn start_named(facts: &Facts) -> String {
    format!(
        "Start it by \"pidward run -p {} --\": its guard does the work.",
        pidfile(facts)
    )
}

fn pidfile(facts: &Facts) -> String {
    let site = facts.site.as_ref();
    site.map_or_else(|| "PIDFILE".to_owned(), |site| escaped(&site.finding.path))
}

/// This command for the pidfile, where what it has to tell or to do can be told and done: among the process's own files.
fn inside(facts: &Facts, command: &str) -> String {
    let process = facts.process.as_ref().zip(facts.site.as_ref());
    let own = process.and_then(|(process, site)| {
        let path = process.elsewhere(&site.finding.path)?;
        Some((process.pid.get(), escaped(&Path::new("/").join(path))))
    });
    own.map_or_else(
        || format!("pidward {command} {}", pidfile(facts)),
        |(pid, path)| format!("nsenter -a -t {pid} pidward {command} {path}"),
    )
}

fn gained(gain: Gain) -> String {
    match gain {
        Gain::User(uid) => format!("the rights of {} (setuid)", user(uid)),
        Gain::Group(gid) => format!("the rights of group {gid} (setgid)"),
        Gain::Capabilities => "capabilities of its file".to_owned(),
        Gain::Unknown => "rights".to_owned(),
    }
}

fn guard(guard: &Guard<'_>, facts: &Facts) -> Said {
    // Where no record can be written, nothing is adopted either.
    let may_record = facts.site.as_ref().is_none_or(|site| !site.read_only);
    let adopt = || may_record.then(|| inside(facts, "adopt"));
    match guard {
        Guard::AtWork => said("at work: the pidfile goes as well when the daemon is killed"),
        Guard::DiesAlong(Killer::Mixed) => (
            "at work, but killed together with the daemon: the unit has KillMode=mixed".to_owned(),
            Some("The ExecStopPost= of \"pidward drop-in systemd\" removes what is left then.".to_owned()),
        ),
        Guard::DiesAlong(Killer::FirstProcess) => (
            "at work, but when the daemon, as the first process of its PID namespace, is killed, all in it are".to_owned(),
            Some("\"pidward run -p\" removes what is left before the next start.".to_owned()),
        ),
        Guard::Fixed(path) => fixed("at work, but", path),
        Guard::WouldStart => said("would be started"),
        Guard::Refused(refused) => said(&format!(
            "would not be started: {}",
            why_refused(refused)
        )),
        Guard::Off => (
            "not at work: the daemon was started with PIDWARD_GUARD=off".to_owned(),
            adopt(),
        ),
        Guard::NotThere => ("not at work: none guards this pidfile".to_owned(), adopt()),
        Guard::Broken(fault) => (
            format!("cannot be started: {}: {}", escaped(&facts.installed.guard), faulty(*fault)),
            Some("Install pidward as a whole.".to_owned()),
        ),
        Guard::NoPidfd => said("cannot do its work: the kernel has no pidfds (Linux 5.3)"),
        Guard::NoPidfile => (
            "cannot be told: no pidfile with the process's number was found".to_owned(),
            Some("Name the pidfile: pidward doctor PIDFILE".to_owned()),
        ),
    }
}

fn faulty(fault: Fault) -> String {
    match fault {
        Fault::Refused(error) => cause(error),
        Fault::NoExec => "it lies on a mount from which nothing is executed (noexec)".to_owned(),
        Fault::Foreign => "it is no program of this machine".to_owned(),
        Fault::NotRegular => "it is no regular file".to_owned(),
        Fault::Damaged => "it is damaged: neither a whole program nor a script".to_owned(),
    }
}

fn sweep(sweep: &Sweep, facts: &Facts) -> Said {
    let by_hand = || format!("Start it by \"pidward run -p {} --\".", pidfile(facts));
    match sweep {
        Sweep::AtBoot(init) => said(&format!("at boot, by {}", init.name())),
        Sweep::AtStart => said("by \"pidward run -p\", before the daemon starts"),
        Sweep::InMemory => {
            said("not needed after a boot: the directory is in memory, and empty then")
        }
        Sweep::Elsewhere => (
            "cannot be told: the pidfile is in a file system of the process's own, as of a container".to_owned(),
            Some(inside(facts, "doctor")),
        ),
        Sweep::Fixed(path) => fixed("of no use:", path),
        Sweep::NotEnabled(init) => (
            "installed, and not started at boot".to_owned(),
            Some(match init {
                Init::Systemd => format!("systemctl enable {UNIT}"),
                Init::OpenRc => format!("rc-update add {SCRIPT} boot"),
                Init::Sysvinit | Init::Other => format!("update-rc.d {SCRIPT} defaults"),
            }),
        ),
        Sweep::NotInstalled(Init::Other) => (
            "nothing is booted here that could start it".to_owned(),
            Some(by_hand()),
        ),
        Sweep::NotInstalled(_) => (
            "not installed for boot: what the death of the machine leaves, stays".to_owned(),
            Some(
                "Install pidward's package, or its file for this init system: see README, At boot."
                    .to_owned(),
            ),
        ),
        Sweep::NotFound => (
            "at boot, but not there: only /run and what guards have recorded is swept".to_owned(),
            Some(by_hand()),
        ),
    }
}

fn record(record: &Record, facts: &Facts) -> Said {
    match record {
        Record::Proven(proof) => said(&format!(
            "{}: signals reach no other process",
            by(*proof, "proves which process is meant")
        )),
        Record::WouldProve(proof) => said(&by(*proof, "would prove which process is meant")),
        Record::NotRecorded => (
            "none: nothing proves that this is the process that is meant".to_owned(),
            Some(inside(facts, "adopt")),
        ),
        Record::Stale => (
            "the pidfile is stale".to_owned(),
            Some(format!("pidward sweep {}", pidfile(facts))),
        ),
        Record::Undecided(reason) => {
            said(&format!("cannot be told: the pidfile is {}", reason.name()))
        }
        Record::NameTooLong => said("none: the pidfile's name leaves no room for the record's"),
        Record::ReadOnly => said("none: nothing can be written in that directory"),
        Record::NoDirectory => said("none: there is no such directory"),
        Record::NoPidfile => said("cannot be told: no pidfile is known"),
        Record::NoGuard => said("none: there is no guard that would write it"),
    }
}

fn by(proof: Proof, what: &str) -> String {
    match proof {
        Proof::Handle => format!("{what}, by pidfd handle"),
        Proof::Inode => format!("{what}, by pidfd inode"),
        Proof::Start => format!("{what}, by start time"),
    }
}

type Fact = (&'static str, String);

fn all_facts(facts: &Facts, warnings: &[Warning]) -> Vec<Fact> {
    let mut all = Vec::new();
    if let Some(site) = &facts.site {
        let finding = &site.finding;
        let class = finding.reason.class().name();
        all.push(("pidfile", format!("{class}: {}", verdict::text(finding))));
    }
    all.extend(facts.program.iter().flat_map(of_program));
    all.extend(facts.process.iter().flat_map(of_process));
    all.extend(warnings.iter().map(|it| ("sandbox", drop_in::warning(it))));
    all.extend(of_installed(&facts.installed));
    all.extend(of_kernel(&facts.kernel));
    all.push(("boot", of_boot(&facts.boot)));
    all
}

fn of_program(program: &Program) -> Vec<Fact> {
    let mut all = Vec::new();
    if let Some(script) = &program.script {
        all.push(("script", escaped(script)));
    }
    all.push((
        "program",
        match program.path.as_os_str().is_empty() {
            true => "cannot be seen".to_owned(),
            false => escaped(&program.path),
        },
    ));
    if let Ok(elf) = &program.elf {
        let libc = match elf.libc() {
            Libc::Glibc => "glibc",
            Libc::Musl => "musl",
            Libc::Other => "neither glibc nor musl",
        };
        all.push((
            "linked",
            match &elf.loader {
                Some(loader) => format!("dynamically, {libc}, by {}", escaped_bytes(loader)),
                None => "statically".to_owned(),
            },
        ));
    }
    if let Some(file) = &program.file {
        let user_id = file.setuid.map(|uid| format!("setuid {}", user(uid)));
        let group_id = file.setgid.map(|gid| format!("setgid {gid}"));
        let capabilities = file.capabilities.then(|| "capabilities".to_owned());
        let gains: Vec<String> = [user_id, group_id, capabilities]
            .into_iter()
            .flatten()
            .collect();
        all.push((
            "file gives",
            match gains.is_empty() {
                true => "no rights".to_owned(),
                false if file.nosuid => {
                    format!("{}, which the mount takes away (nosuid)", gains.join(", "))
                }
                false => gains.join(", "),
            },
        ));
    }
    all
}

fn of_process(process: &Process) -> Vec<Fact> {
    let mut all = vec![("runs as", user(process.rights.uid))];
    let library = match &process.library {
        Ok(Some(loaded)) => escaped(&loaded.path),
        Ok(None) => "not loaded".to_owned(),
        Err(error) => format!("cannot be seen: {}", cause_of(error)),
    };
    all.push(("library", library));
    if let Ok(settings) = &process.environment {
        let value =
            |value: &Option<std::ffi::OsString>| value.as_ref().map(|it| escaped(Path::new(it)));
        all.extend(value(&settings.preload).map(|it| ("LD_PRELOAD", it)));
        all.extend(value(&settings.named).map(|it| ("named", it)));
    }
    let seccomp = match process.seccomp {
        Some(0) => "no filter",
        Some(1) => "strict",
        Some(_) => "a filter",
        None => "cannot be seen",
    };
    all.push(("seccomp", seccomp.to_owned()));
    if process.no_new_privileges == Some(1) {
        all.push(("rights", "no new ones (PR_SET_NO_NEW_PRIVS)".to_owned()));
    }
    all.push((
        "confined",
        match process.label.as_deref() {
            Some("") => "by neither AppArmor nor SELinux".to_owned(),
            Some(label) => escaped_bytes(label.as_bytes()),
            None => "cannot be seen".to_owned(),
        },
    ));
    let others: Vec<&str> = process
        .namespaces
        .iter()
        .filter(|(_, own)| *own == Some(false))
        .map(|&(name, _)| name)
        .collect();
    if !others.is_empty() {
        all.push((
            "namespaces",
            format!("others than ours: {}", others.join(", ")),
        ));
    }
    if process.chrooted
        && let Ok(root) = &process.root
    {
        all.push(("root", escaped(root)));
    }
    all.extend(process.unit.iter().map(|unit| ("unit", of_unit(unit))));
    all
}

fn of_unit(unit: &Service) -> String {
    let name = escaped_bytes(unit.name.as_bytes());
    match unit.manager {
        Manager::System => name,
        Manager::User => format!("{name}, of a user's manager"),
        Manager::Container => format!("{name}, in a container"),
    }
}

fn of_installed(installed: &Installed) -> Vec<Fact> {
    let mut all = Vec::new();
    if let Ok(library) = &installed.library {
        all.push(("installed", escaped(library)));
    }
    if installed.guard_fault.is_none() {
        all.push(("installed", escaped(&installed.guard)));
    }
    all
}

fn of_kernel(kernel: &Kernel) -> Vec<Fact> {
    let offers = [
        ("pidfds (5.3)", kernel.pidfd),
        ("their inodes (6.9)", kernel.inode),
        ("handles (6.14)", kernel.handle),
        ("exit statuses (6.15)", kernel.exit),
        ("RENAME_NOREPLACE (3.15)", kernel.noreplace),
    ];
    let of = |wanted: bool| {
        let names = offers.iter().filter(|&&(_, has)| has == wanted);
        names.map(|&(name, _)| name).collect::<Vec<_>>().join(", ")
    };
    let release = escaped_bytes(kernel.release.as_bytes());
    let lacking = of(false);
    let lacking = match lacking.as_str() {
        "" => String::new(),
        some => format!("; without {some}"),
    };
    let mut all = vec![("kernel", format!("Linux {release}: {}{lacking}", of(true)))];
    if let (Some(instances), Some(watches)) = (kernel.inotify_instances, kernel.inotify_watches) {
        all.push((
            "inotify",
            format!(
                "{instances} guards of a user see hand-overs at once, {watches} watches in all"
            ),
        ));
    }
    all
}

fn of_boot(boot: &Boot) -> String {
    match &boot.file {
        Some(file) if boot.enabled => format!("{}, {} is enabled", boot.init.name(), escaped(file)),
        Some(file) => format!("{}, {} is not enabled", boot.init.name(), escaped(file)),
        None => format!("{}, no sweep is installed", boot.init.name()),
    }
}
