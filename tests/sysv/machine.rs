//! A machine without systemd: the real one, but for what is changed here, with pidward installed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pidward_tests::deadline::Deadline;
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::namespace::{cover, layer};
use pidward_tests::process::Process;
use pidward_tests::record::Record;
use pidward_tests::watch::{Watch, every_ten_milliseconds};
use pidward_tests::world::{World, evidence, owner, path};

/// Where "make install" puts the library.
pub(crate) const LIBRARY: &str = "/usr/local/lib/pidward/libpidward.so";

/// What the promises allow.
const ONE_SECOND: Duration = Duration::from_secs(1);

/// What a command said and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) said: String,
}

impl Answer {
    /// It ended so.
    pub(crate) fn is(&self, status: &str) -> Checked {
        match self.status == status {
            true => Ok(()),
            false => Err(Failure::new(
                "another answer",
                format!("{self:#?}\nexpected {status}\n{}", evidence()),
            )),
        }
    }

    /// It ended so, and said this among other things.
    pub(crate) fn says(&self, status: &str, words: &str) -> Checked {
        self.is(status)?;
        match self.said.contains(words) {
            true => Ok(()),
            false => Err(Failure::new(
                "says something else",
                format!("{self:#?}\nexpected {words}"),
            )),
        }
    }
}

/// The inside of a test's namespaces.
pub(crate) struct Machine {
    pub(crate) world: World,
}

impl Machine {
    /// The one of this process, with these files installed.
    pub(crate) fn new(release: &Path) -> Checked<Self> {
        for directory in ["/etc", "/var"] {
            layer(directory)?;
        }
        // What was recorded on the real one.
        let _ = fs::remove_dir_all("/var/lib/pidward");
        for directory in ["/usr/local/bin", "/usr/local/lib"] {
            cover(directory)?;
        }
        let library = Path::new(LIBRARY).parent().unwrap_or(Path::new("/"));
        for directory in [library, Path::new("/run/lock")] {
            fs::create_dir_all(directory).doing("make a directory")?;
        }
        for (file, directory) in [
            ("pidward", Path::new("/usr/local/bin")),
            ("pidward-guard", library),
            ("libpidward.so", library),
        ] {
            fs::copy(release.join(file), directory.join(file)).doing(file)?;
        }
        Ok(Self {
            world: World::new()?,
        })
    }

    /// Runs a command to its end. What it leaves running writes to a file that is nobody's by the next one.
    pub(crate) fn run(&self, words: &[&str]) -> Checked<Answer> {
        let said = path("said");
        let _ = fs::remove_file(&said);
        let shell = ["sh", "-c", "exec \"$@\" >/mnt/said 2>&1", "sh"];
        let command = [&shell, words].concat();
        let status = self.world.run(&command, &[], Deadline::seconds(60))?;
        let said = fs::read(said).doing("read what it said")?;
        Ok(Answer {
            status,
            said: String::from_utf8_lossy(&said).into_owned(),
        })
    }

    /// The same for a line of words.
    pub(crate) fn line(&self, line: &str) -> Checked<Answer> {
        self.run(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The same; it has to succeed.
    pub(crate) fn does(&self, line: &str) -> Checked<String> {
        let answer = self.line(line)?;
        match answer.status.as_str() {
            "exited 0" => Ok(answer.said),
            _ => Err(Failure::new(
                format!("does not do: {line}"),
                format!("{answer:#?}\n{}", evidence()),
            )),
        }
    }
}

/// A file of packaging/.
pub(crate) fn packaged(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging")).join(name)
}

/// Waits for the process that the pidfile names.
pub(crate) fn comes(pidfile: &str) -> Checked<Process> {
    comes_after(pidfile, None)
}

/// The same, when the file is another one than it was.
pub(crate) fn comes_after(pidfile: &str, old: Option<&Stamp>) -> Checked<Process> {
    let look = || {
        let is_new = old.is_none_or(|old| Stamp::of(pidfile).is_some_and(|new| new != *old));
        owner(pidfile.as_ref()).filter(|_| is_new)
    };
    let seen = every_ten_milliseconds(Deadline::seconds(15), look);
    seen.ok_or_else(|| Failure::new("no daemon", format!("{pidfile}\n{}", evidence())))
}

/// Which file a pidfile is, and when it was written.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Stamp(u64, i64, i64);

impl Stamp {
    /// None when there is no such file.
    pub(crate) fn of(pidfile: &str) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let file = fs::metadata(pidfile).ok()?;
        Some(Self(file.ino(), file.mtime(), file.mtime_nsec()))
    }
}

/// Waits until a guard has recorded this owner.
pub(crate) fn recorded(pidfile: &str, owner: &Process) -> Checked {
    let pidfile = Path::new(pidfile);
    let watch = Watch::on(&[directory(pidfile)])?;
    let record = watch.until(Deadline::seconds(5), &[], || {
        Record::read(pidfile)
            .filter(|record| record.number("pid") == Some(owner.pid) && record.is_of(pidfile))
    });
    let record = record.ok_or_else(|| Failure::new("no record", evidence()))?;
    let guard = record.number("guard").and_then(Process::living);
    guard
        .map(drop)
        .ok_or_else(|| Failure::new("no guard", evidence()))
}

/// Waits for the end of a process.
pub(crate) fn ends(process: &Process) -> Checked {
    match process.dies_by(Deadline::seconds(30)) {
        true => Ok(()),
        false => Err(Failure::new("it does not end", evidence())),
    }
}

/// Within a second, neither pidfile nor record is there.
pub(crate) fn gone(pidfile: &str) -> Checked {
    let pidfile = Path::new(pidfile);
    let watch = Watch::on(&[directory(pidfile)])?;
    let files = [pidfile.to_owned(), Record::path(pidfile)];
    let gone = watch.until(Deadline::after(ONE_SECOND), &[], || {
        (!files.iter().any(|file| file.exists())).then_some(())
    });
    gone.ok_or_else(|| Failure::new("pidfile stayed", evidence()))
}

/// The directory, or the nearest that is there: a daemon may take its own away.
fn directory(pidfile: &Path) -> &Path {
    let mut above = pidfile.ancestors().skip(1);
    above.find(|it| it.is_dir()).unwrap_or(Path::new("/"))
}

/// Waits until somebody answers this request at this TCP port.
pub(crate) fn answers(port: u16, request: &str) -> Checked {
    let ask = || -> std::io::Result<()> {
        let mut connection = TcpStream::connect(("127.0.0.1", port))?;
        connection.set_read_timeout(Some(Duration::from_secs(15)))?;
        connection.write_all(request.as_bytes())?;
        connection.read_exact(&mut [0])
    };
    let answered = every_ten_milliseconds(Deadline::seconds(15), || ask().ok());
    answered.ok_or_else(|| Failure::new("no answer", format!("at port {port}\n{}", evidence())))
}

/// Whether the library is in this process.
pub(crate) fn is_preloaded(process: &Process) -> bool {
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid)).unwrap_or_default();
    maps.contains(LIBRARY)
}

/// Puts one text in the place of another, which has to be there, in a file of the machine's.
pub(crate) fn edit(file: &str, from: &str, to: &str) -> Checked {
    let text = fs::read_to_string(file).doing(file)?;
    if !text.contains(from) {
        return Err(Failure::new(
            "the test itself",
            format!("{file} has no {from}"),
        ));
    }
    fs::write(file, text.replace(from, to)).doing(file)
}
