//! What a pidfile is, in words.

use nix::errno::Errno;
use pidward_identity::below::Below;
use pidward_identity::evidence::{Abroad, Claim, Kind, Living, Proof, Recorded};
use pidward_identity::pid::NotAPid;
use pidward_identity::verdict::{Class, Reason};

use super::text::{cause, duration, escaped, escaped_bytes, user};
use crate::finding::{Finding, age};

/// One line: the class, the path in so many columns, the text.
pub(crate) fn line(finding: &Finding, width: usize, colour: bool) -> String {
    let class = finding.reason.class();
    let path = escaped(&finding.path);
    let (on, off) = match class {
        _ if !colour => ("", ""),
        Class::Running => ("\x1b[32m", "\x1b[0m"),
        Class::Stale => ("\x1b[31m", "\x1b[0m"),
        Class::Unknown => ("\x1b[33m", "\x1b[0m"),
        Class::Missing => ("\x1b[2m", "\x1b[0m"),
    };
    let class = class.name();
    format!("{on}{class:<7}{off}  {path:<width$}  {}\n", text(finding))
}

/// What the pidfile's process is, and in the last parentheses the reason.
pub(crate) fn text(finding: &Finding) -> String {
    text_but(finding, "")
}

/// The same, and before the reason what else there is to say.
pub(crate) fn text_but(finding: &Finding, but: &str) -> String {
    let facts = match finding.pid() {
        Some(pid) => format!("pid {} {}", pid.get(), with_pid(finding)),
        None => without_pid(finding),
    };
    format!("{facts}{but} ({})", reason(finding.reason))
}

/// The same as a part of a sentence, without the reason.
pub(crate) fn why(finding: &Finding) -> String {
    match finding.pid() {
        Some(pid) => format!("PID {} {}", pid.get(), with_pid(finding)),
        None => without_pid(finding),
    }
}

/// `PID 812 (apache2)`.
pub(crate) fn who(finding: &Finding) -> String {
    let pid = finding.pid().map_or(0, |pid| pid.get());
    format!("PID {pid} ({})", name_of(finding))
}

/// What the process is called that has the pidfile's number now.
pub(crate) fn name_of(finding: &Finding) -> String {
    let living = finding.evidence.living.as_ref();
    living.map_or_else(|| "no process".to_owned(), name)
}

/// The reason, of a verified one with its proof.
pub(crate) fn reason(reason: Reason) -> &'static str {
    let Reason::Verified(proof) = reason else {
        return reason.name();
    };
    match proof {
        Proof::Handle => "verified by pidfd handle",
        Proof::Inode => "verified by pidfd inode",
        Proof::Start => "verified by start time",
    }
}

/// What a file is that names no process.
fn without_pid(finding: &Finding) -> String {
    match finding.evidence.claim {
        Claim::Missing => "no such file".to_owned(),
        Claim::NotRegular => "not a regular file".to_owned(),
        Claim::Unreadable(error) => cause(Errno::from_raw(error.raw_os_error())),
        Claim::BehindLink(uid) => format!(
            "a symbolic link of {} on its path could lead anywhere",
            user(uid)
        ),
        Claim::NoPid(NotAPid::Empty) => "nothing written yet".to_owned(),
        Claim::NoPid(NotAPid::Garbled) | Claim::Pid(_) => "no process ID in it".to_owned(),
    }
}

/// What the process is that the file names, to go on after its number.
fn with_pid(finding: &Finding) -> String {
    let now = name_of(finding);
    let here = match finding.evidence.living {
        Some(_) => format!("here it is {now}"),
        None => "here it is no process".to_owned(),
    };
    match (finding.reason, finding.evidence.living.as_ref()) {
        (Reason::Verified(_) | Reason::Unverified, Some(Living { uid: None, .. })) => {
            "lives, and we may not see more of it".to_owned()
        }
        (Reason::Verified(_) | Reason::Unverified, Some(living)) => {
            format!("{now}, up {}", duration(age(living.start)))
        }
        (Reason::Reused, Some(living)) if living.younger_than_file => {
            format!("is now {now}, started after this file was written")
        }
        (Reason::Reused, _) => format!("is now {now}, which is not the recorded one"),
        (Reason::Thread, Some(living)) if living.kind == Kind::Pidward => {
            "is pidward's own, no daemon".to_owned()
        }
        (Reason::Thread, _) => format!("is a thread of {now}, no process"),
        (Reason::OtherBoot, _) => format!("was recorded before the last boot; {here}"),
        (Reason::GoneNamespace, _) => {
            format!("was recorded in a PID namespace that is no more; {here}")
        }
        (Reason::Elsewhere, _) if is_abroad(finding, |it| it.is_lost) => format!(
            "may be the recorded one: /proc does not tell us our boot or PID namespace; {here}"
        ),
        (Reason::Elsewhere, _) if is_abroad(finding, |it| it.is_alike) => {
            format!("may be the recorded one, under another identity of the boot; {here}")
        }
        (Reason::Elsewhere, _) => match finding.evidence.below {
            Below::Nobody => {
                format!("was recorded in another PID namespace or on another machine; {here}")
            }
            Below::Somebody => {
                "is no process here, but one in a PID namespace below goes by that number"
                    .to_owned()
            }
            Below::Untold(error) => format!(
                "is no process here, but who is in PID namespaces below cannot be told: {}",
                cause(Errno::from_raw(error.raw_os_error()))
            ),
        },
        (Reason::Shared, _) => {
            "is no process here, but others see this file too, and may have it".to_owned()
        }
        (Reason::Suspect, _) => {
            format!("is {now}, started after this file was written; there is no record")
        }
        (Reason::Untrusted, Some(living)) => untrusted(finding, living),
        (Reason::Unreadable, _) => unread(finding, &here),
        _ => match &finding.record {
            Some(record) => {
                let exe = escaped_bytes(record.exe.as_bytes());
                format!("is no process; it was {exe}")
            }
            None => "is no process".to_owned(),
        },
    }
}

fn is_abroad(finding: &Finding, how: impl FnOnce(Abroad) -> bool) -> bool {
    matches!(finding.evidence.recorded, Recorded::Abroad(abroad) if how(abroad))
}

/// Of a pidfile that names a process, and has a record that cannot be read.
fn unread(finding: &Finding, here: &str) -> String {
    let Recorded::Unreadable(error) = finding.evidence.recorded else {
        return here.to_owned();
    };
    let cause = cause(Errno::from_raw(error.raw_os_error()));
    format!("may be another than the recorded one: the record cannot be read: {cause}; {here}")
}

fn untrusted(finding: &Finding, living: &Living) -> String {
    let writers = match finding.writers.user() {
        Some(uid) => format!("{} can write this file or move it", user(uid)),
        None => "others can write this file or move it".to_owned(),
    };
    match living.uid {
        Some(uid) => format!("is {} of {}, but {writers}", name(living), user(uid)),
        None => format!("is a process that we may not see, and {writers}"),
    }
}

/// The name of a process, which it chose itself.
fn name(living: &Living) -> String {
    if living.comm.is_empty() {
        "a process without a name".to_owned()
    } else {
        escaped_bytes(&living.comm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pidward_identity::below::Left;
    use pidward_identity::evidence::Evidence;
    use pidward_identity::pid::Pid;
    use pidward_identity::process::ClockTicks;
    use pidward_identity::trust::Writers;
    use pidward_identity::verdict;
    use std::path::PathBuf;

    fn finding(claim: Claim, living: Option<Living>, recorded: Recorded) -> Finding {
        let evidence = Evidence {
            living,
            recorded,
            ..Evidence::of_claim(claim, true)
        };
        Finding {
            path: PathBuf::from("/run/x.pid"),
            reason: verdict::of(&evidence),
            evidence,
            record: None,
            writers: Writers::NOBODY,
        }
    }

    fn smbd(younger_than_file: bool) -> Option<Living> {
        Some(Living {
            kind: Kind::Process,
            comm: b"smbd".as_slice().try_into().unwrap(),
            start: ClockTicks(0),
            uid: Some(0),
            younger_than_file,
            trusted: true,
        })
    }

    #[test]
    fn one_pidfile_is_one_line_with_the_reason_last() {
        let pid = Claim::Pid(Pid::new(15).unwrap());
        let elsewhere = Abroad {
            this_boot: true,
            is_alike: false,
            is_lost: false,
            this_machine: true,
            guarded: true,
            left: Left::Unseen,
        };
        for (found, expected) in [
            (
                finding(pid, smbd(true), Recorded::Another),
                "stale    /run/x.pid      pid 15 is now smbd, started after this file was written (reused)\n",
            ),
            (
                finding(pid, None, Recorded::Nothing),
                "stale    /run/x.pid      pid 15 is no process (dead)\n",
            ),
            (
                finding(pid, smbd(false), Recorded::Abroad(elsewhere)),
                "unknown  /run/x.pid      pid 15 was recorded in another PID namespace or on another machine; \
                 here it is smbd (elsewhere)\n",
            ),
            (
                finding(Claim::Missing, None, Recorded::Nothing),
                "missing  /run/x.pid      no such file (missing)\n",
            ),
        ] {
            assert_eq!(line(&found, 14, false), expected);
        }
        let running = line(
            &finding(pid, smbd(false), Recorded::Same(Proof::Handle)),
            0,
            false,
        );
        assert!(
            running.starts_with("running  /run/x.pid  pid 15 smbd, up "),
            "{running}"
        );
        assert!(
            running.ends_with(" (verified by pidfd handle)\n"),
            "{running}"
        );
    }
}
