//! The units: Debian's, and those that are made here.

/// All that are checked.
pub(crate) const ALL: [&str; 14] = [
    "nginx",
    "ssh",
    "redis-server",
    "cron",
    "apache2",
    "kill-process",
    "kill-mixed",
    "script",
    "oneshot",
    "fails-at-once",
    "fails-forking",
    "fails-to-notify",
    "is-missing",
    "echo",
];

/// What is told only where pidward is.
pub(crate) fn only_with(unit: &str) -> Vec<&'static str> {
    const ENDS: [&str; 6] = [
        "oneshot",
        "fails-at-once",
        "fails-forking",
        "fails-to-notify",
        "is-missing",
        "echo",
    ];
    let mut told = vec!["drop-in 0"];
    if ENDS.contains(&unit) {
        return told;
    }
    told.extend(["record there", "files gone"]);
    // Debian's redis has a filter of system calls.
    told.push(match unit {
        "redis-server" => "doctor three of the four lines of defence hold",
        _ => "doctor all four lines of defence hold",
    });
    // The others have KillMode=mixed.
    if !["nginx", "apache2", "kill-mixed"].contains(&unit) {
        told.push("logged killed");
    }
    told
}

/// A daemon that goes into the background and has a pidfile.
const FORKS: &str = "\
[Service]
Type=forking
PIDFile=/run/NAME.pid
KillMode=MODE
TimeoutStopSec=60
ExecStart=/sbin/start-stop-daemon --start --background --make-pidfile --pidfile /run/NAME.pid --exec /usr/bin/sleep -- 10000
";

/// Made here: where, and the text.
pub(crate) fn made() -> Vec<(&'static str, String)> {
    let plain = |text: &str| text.to_owned();
    let forks = |name: &str, mode: &str| FORKS.replace("NAME", name).replace("MODE", mode);
    vec![
        (
            "systemd/system/kill-process.service",
            forks("kill-process", "process"),
        ),
        (
            "systemd/system/kill-mixed.service",
            forks("kill-mixed", "mixed"),
        ),
        (
            "systemd/system/oneshot.service",
            plain(
                "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo one >>/srv/output'\nExecStart=/bin/sh -c 'echo two >>/srv/output'\n",
            ),
        ),
        (
            "systemd/system/fails-at-once.service",
            plain("[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 3'\n"),
        ),
        (
            "systemd/system/fails-forking.service",
            plain(
                "[Service]\nType=forking\nPIDFile=/run/never.pid\nTimeoutStartSec=60\nExecStart=/bin/false\n",
            ),
        ),
        (
            "systemd/system/fails-to-notify.service",
            plain(
                "[Service]\nType=notify\nTimeoutStartSec=60\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\n",
            ),
        ),
        (
            "systemd/system/is-missing.service",
            plain("[Service]\nType=oneshot\nExecStart=-/usr/bin/env -- /nowhere/daemon\n"),
        ),
        (
            "systemd/system/echo.socket",
            plain("[Socket]\nListenStream=/run/echo.sock\n"),
        ),
        (
            "systemd/system/echo.service",
            plain(
                "[Service]\nExecStart=/usr/bin/python3 -c 'import os,socket; assert os.environ[\"LISTEN_PID\"] == str(os.getpid()); \
                 s = socket.socket(fileno=3); c, _ = s.accept(); c.sendall(c.recv(99)); c.close(); s.accept()'\n",
            ),
        ),
        (
            "init.d/script",
            plain(
                "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: script\n# Required-Start:\n# Required-Stop:\n# Default-Start: 2 3 4 5\n\
                 # Default-Stop: 0 1 6\n### END INIT INFO\n# pidfile: /run/script.pid\ncase $1 in\n\
                 start) exec start-stop-daemon --start --background --make-pidfile --pidfile /run/script.pid --exec /usr/bin/sleep -- 10000 ;;\n\
                 stop) exec start-stop-daemon --stop --oknodo --retry 15 --pidfile /run/script.pid ;;\nesac\n",
            ),
        ),
    ]
}
