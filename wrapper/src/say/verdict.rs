//! What a pidfile is, in words.

use nix::errno::Errno;
use pidward_identity::evidence::{Claim, Kind, Living, Proof};
use pidward_identity::verdict::Reason;

use super::text::{cause, duration, escaped, escaped_bytes};
use crate::finding::{Finding, age};

/// One line: the class, the path in so many columns, the text.
pub(crate) fn line(finding: &Finding, width: usize) -> String {
    let class = finding.reason.class().name();
    let path = escaped(&finding.path);
    format!("{class:<7}  {path:<width$}  {}\n", text(finding))
}

/// What the pidfile's process is, and in the last parentheses the reason.
pub(crate) fn text(finding: &Finding) -> String {
    format!("{} ({})", facts(finding), reason(finding.reason))
}

fn reason(reason: Reason) -> &'static str {
    let Reason::Verified(proof) = reason else {
        return reason.name();
    };
    match proof {
        Proof::Handle => "verified by pidfd handle",
        Proof::Inode => "verified by pidfd inode",
        Proof::Start => "verified by start time",
    }
}

fn facts(finding: &Finding) -> String {
    let Some(pid) = finding.pid() else {
        return without_pid(finding);
    };
    let living = finding.evidence.living.as_ref();
    format!("pid {} {}", pid.get(), with_pid(finding, living))
}

/// What a file is that names no process.
fn without_pid(finding: &Finding) -> String {
    match finding.evidence.claim {
        Claim::Missing => "no such file".to_owned(),
        Claim::NotRegular => "not a regular file".to_owned(),
        Claim::Unreadable(error) => cause(Errno::from_raw(error.raw_os_error())),
        Claim::NoPid(_) if finding.reason == Reason::Empty => "nothing written yet".to_owned(),
        Claim::NoPid(_) | Claim::Pid(_) => "no process ID in it".to_owned(),
    }
}

/// What the process is that the file names, to go on after its number.
fn with_pid(finding: &Finding, living: Option<&Living>) -> String {
    let now = || living.map_or_else(|| "no process".to_owned(), name);
    match (finding.reason, living) {
        (Reason::Verified(_) | Reason::Unverified, Some(living)) => {
            format!("{}, up {}", name(living), duration(age(living.start)))
        }
        (Reason::Reused, Some(living)) if living.younger_than_file => {
            format!("is now {}, started after this file was written", now())
        }
        (Reason::Reused, _) => format!("is now {}, which is not the recorded one", now()),
        (Reason::Thread, Some(living)) if living.kind == Kind::Pidward => {
            "is a guard of pidward, no daemon".to_owned()
        }
        (Reason::Thread, _) => format!("is a thread of {}, no process", now()),
        (Reason::OtherBoot, _) => format!("was recorded before the last boot; it is now {}", now()),
        (Reason::Elsewhere, _) => format!(
            "was recorded in another PID namespace or on another machine; here it is {}",
            now()
        ),
        (Reason::Suspect, _) => format!(
            "is {}, started after this file was written; there is no record",
            now()
        ),
        (Reason::Untrusted, Some(Living { uid: None, .. })) => {
            "is a process that we may not see".to_owned()
        }
        (Reason::Untrusted, Some(living)) => format!(
            "is {} of {}, for which those who can write this file have no say",
            name(living),
            living
                .uid
                .map_or_else(|| "another user".to_owned(), |uid| format!("user {uid}"))
        ),
        _ => match &finding.record {
            Some(record) => format!(
                "is no process; it was {}",
                escaped_bytes(record.exe.as_bytes())
            ),
            None => "is no process".to_owned(),
        },
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
    use pidward_identity::evidence::{Evidence, Recorded};
    use pidward_identity::pid::Pid;
    use pidward_identity::process::ClockTicks;
    use pidward_identity::verdict;
    use std::path::PathBuf;

    fn finding(claim: Claim, living: Option<Living>, recorded: Recorded) -> Finding {
        let evidence = Evidence {
            claim,
            living,
            recorded,
        };
        Finding {
            path: PathBuf::from("/run/x.pid"),
            reason: verdict::of(&evidence),
            evidence,
            record: None,
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
                finding(pid, smbd(false), Recorded::Elsewhere),
                "unknown  /run/x.pid      pid 15 was recorded in another PID namespace or on another machine; \
                 here it is smbd (elsewhere)\n",
            ),
            (
                finding(Claim::Missing, None, Recorded::Nothing),
                "missing  /run/x.pid      no such file (missing)\n",
            ),
        ] {
            assert_eq!(line(&found, 14), expected);
        }
        let running = line(&finding(pid, smbd(false), Recorded::Same(Proof::Handle)), 0);
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
