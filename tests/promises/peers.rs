//! What a number in a pidfile is worth: what pidward says, beside what others do who read pidfiles.

use libtest_mimic::{Failed, Trial};
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;
use pidward_tests::table::{self, Cell};

use crate::answer::{Answer, ask};
use crate::compare::bare;
use crate::guard::post::{daemon, guarded, kill, ready};
use crate::number::abandoned;
use crate::promise::{self, Promise};
use crate::scene::{HOME, Scene};
use crate::status::reused::{of_the_same_tick, with_old_number, zombie_with_old_number};

const NAME: &str = "of_each_number_pidward_says_what_it_is";

/// What a row's line begins with, among all else that is said inside.
const ROW: &str = "row: ";

/// Who else reads pidfiles: what people know it as, and the command.
const PEERS: [(&str, &str); 5] = [
    ("`kill -0 $(cat f)`", "kill -0 $(cat x.pid)"),
    (
        "`start-stop-daemon --status`",
        "start-stop-daemon --status --pidfile x.pid",
    ),
    (
        "`… --exec`",
        "start-stop-daemon --status --pidfile x.pid --exec /mnt/programs/legacy",
    ),
    ("`pgrep -F f`", "pgrep -F x.pid"),
    (
        "LSB `pidofproc`",
        ". /lib/lsb/init-functions; pidofproc -p x.pid /mnt/programs/legacy",
    ),
];

/// What the number is, and what `pidward status` and `pidward signal` have to say of it.
const NUMBERS: [(&str, &str, &str); 10] = [
    ("the daemon's", "running (verified by pidfd handle)", "sent"),
    ("nobody's", "stale (dead)", "not sent"),
    ("another program's", "stale (reused)", "not sent"),
    (
        "another program's, of the same user",
        "stale (reused)",
        "not sent",
    ),
    (
        "the same program's, with the same arguments",
        "stale (reused)",
        "not sent",
    ),
    (
        "the same program's, started within the same clock tick",
        "stale (reused)",
        "not sent",
    ),
    (
        "a thread's of another process",
        "stale (reused)",
        "not sent",
    ),
    ("a zombie's", "stale (dead)", "not sent"),
    (
        "a living daemon's that has no record",
        "running (unverified)",
        "not sent",
    ),
    (
        "of a process of root's, in a user's own pidfile",
        "unknown (untrusted)",
        "not sent",
    ),
];

/// As it is checked inside.
pub(crate) fn promise() -> Promise {
    Promise::new(NAME, |scene| {
        NUMBERS.iter().try_for_each(|number| row(scene, number))
    })
}

/// As a test, which writes the table's cells where they are wanted.
pub(crate) fn trial() -> Trial {
    Trial::test(NAME, || write().map_err(Failed::from))
}

fn write() -> Checked {
    let said = promise::saying(NAME, &release::directory()?)?;
    let rows = said.lines().filter_map(|line| line.strip_prefix(ROW));
    let cells: Vec<Vec<Cell>> = rows
        .map(|row| serde_json::from_str(row).doing("read a row"))
        .collect::<Checked<_>>()?;
    match cells.len() == NUMBERS.len() {
        true => table::write(&cells.concat()),
        false => Err(Failure::new("the test itself", said)),
    }
}

fn row(scene: &Scene, (number, verdict, signal): &(&str, &str, &str)) -> Checked {
    // Whoever has it, to be ended with the row.
    let living = match *number {
        "the daemon's" => Some(guarded(scene)?.0),
        "nobody's" => {
            abandoned(scene)?;
            None
        }
        "another program's" => Some(with_old_number(scene, "another_program")?.1),
        "another program's, of the same user" => {
            Some(with_old_number(scene, "another_program_of_the_same_user")?.1)
        }
        "the same program's, started within the same clock tick" => Some(of_the_same_tick(scene)?),
        "the same program's, with the same arguments" => {
            Some(with_old_number(scene, "the_same_program_and_arguments")?.1)
        }
        "a thread's of another process" => Some(with_old_number(scene, "a_thread")?.1),
        "a zombie's" => Some(zombie_with_old_number(scene)?),
        _ => {
            scene.clear()?;
            Some(ready(daemon("make open x.pid say ready hear"))?)
        }
    };
    if number.contains("a user's own") {
        let nobody = Some(65534);
        std::os::unix::fs::chown(format!("{HOME}/x.pid"), nobody, nobody).doing("give it away")?;
    }
    let mut cells = Vec::new();
    let mut note = |column: &str, result: String| {
        cells.push(Cell {
            daemon: (*number).to_owned(),
            ending: column.to_owned(),
            mode: String::new(),
            result,
        });
    };
    for (column, command) in PEERS {
        let mut shell = bare("/bin/sh".as_ref());
        shell.args(["-c", command]).current_dir(HOME);
        note(column, of_peer(&Answer::of(shell)?));
    }
    let status = ask(scene, "status x.pid")?;
    let class = status.out.split(' ').next().unwrap_or_default();
    let reason = status.out.rsplit_once('(').map_or("", |(_, reason)| reason);
    let said = format!("{class} ({}", reason.trim_end());
    let sent = match ask(scene, "signal CONT x.pid")?.code {
        Some(0) => "sent",
        _ => "not sent",
    };
    note("`pidward status`", said.clone());
    note("`pidward signal`", sent.to_owned());
    if let Some(living) = living {
        kill(living)?;
    }
    println!(
        "{ROW}{}",
        serde_json::to_string(&cells).doing("write a row")?
    );
    match said == *verdict && sent == *signal {
        true => Ok(()),
        false => Err(Failure::new(
            "another verdict",
            format!("{number}: {said}, {sent}"),
        )),
    }
}

/// All of them have the statuses of the LSB: 0 is running.
fn of_peer(answer: &Answer) -> String {
    match (answer.code, answer.err.trim()) {
        (Some(0), _) => "running".to_owned(),
        (Some(4), _) => "unknown".to_owned(),
        (_, error) if error.contains("insecure") || error.contains("not owned") => {
            "refuses".to_owned()
        }
        _ => "not running".to_owned(),
    }
}
