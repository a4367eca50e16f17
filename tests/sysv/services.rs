//! Debian's services whose init scripts are run as they are, with their configuration as it is.

use pidward_tests::failure::Checked;
use pidward_tests::namespace::{cover, cover_file, own_devices};

use crate::machine::{Machine, answers, edit};

/// A service.
pub(crate) struct Service {
    /// As its script in /etc/init.d is called.
    pub(crate) name: &'static str,
    /// Where its daemon writes its PID.
    pub(crate) pidfile: &'static str,
    /// The file of settings for pidward's lines.
    pub(crate) settings: &'static str,
    /// Changes of the machine that it needs.
    pub(crate) prepare: fn(&Machine) -> Checked,
    /// Waits until it serves.
    pub(crate) ready: fn() -> Checked,
    /// Its action that has it read its configuration again.
    pub(crate) reload: Option<&'static str>,
    /// Whether the pidfile is written anew then.
    pub(crate) rewrites: bool,
}

impl Service {
    const USUAL: Self = Self {
        name: "",
        pidfile: "",
        settings: "",
        prepare: |_| Ok(()),
        ready: || Ok(()),
        reload: Some("reload"),
        rewrites: false,
    };
}

const HTTP: &str = "GET / HTTP/1.0\r\n\r\n";

/// All of them.
pub(crate) const SERVICES: [Service; 8] = [
    Service {
        name: "apache2",
        pidfile: "/run/apache2/apache2.pid",
        // Its script clears the environment; this is read after that.
        settings: "/etc/apache2/envvars",
        ready: || answers(80, HTTP),
        ..Service::USUAL
    },
    Service {
        name: "ssh",
        pidfile: "/run/sshd.pid",
        settings: "/etc/default/ssh",
        prepare: |machine| machine.does("ssh-keygen -A").map(drop),
        ready: || answers(22, ""),
        rewrites: true,
        ..Service::USUAL
    },
    Service {
        name: "nginx",
        pidfile: "/run/nginx.pid",
        settings: "/etc/default/nginx",
        ready: || answers(80, HTTP),
        ..Service::USUAL
    },
    Service {
        name: "redis-server",
        pidfile: "/run/redis/redis-server.pid",
        settings: "/etc/default/redis-server",
        ready: || answers(6379, "PING\r\n"),
        reload: None,
        ..Service::USUAL
    },
    Service {
        name: "rsyslog",
        pidfile: "/run/rsyslogd.pid",
        settings: "/etc/default/rsyslog",
        prepare: |_| {
            own_devices()?;
            // It would take the real machine's messages of the kernel.
            edit(
                "/etc/rsyslog.conf",
                "module(load=\"imklog\")",
                "#module(load=\"imklog\")",
            )
        },
        reload: Some("rotate"),
        ..Service::USUAL
    },
    Service {
        name: "cron",
        pidfile: "/run/crond.pid",
        settings: "/etc/default/cron",
        // None of the real machine's jobs.
        prepare: |machine| {
            cover("/etc/cron.d")?;
            cover_file("/etc/crontab")?;
            let own = "find /var/spool/cron -type f -delete";
            machine.does(own).map(drop)
        },
        ..Service::USUAL
    },
    Service {
        name: "haproxy",
        pidfile: "/run/haproxy.pid",
        settings: "/etc/default/haproxy",
        rewrites: true,
        ..Service::USUAL
    },
    Service {
        name: "dnsmasq",
        pidfile: "/run/dnsmasq/dnsmasq.pid",
        settings: "/etc/default/dnsmasq",
        reload: Some("force-reload"),
        rewrites: true,
        ..Service::USUAL
    },
];
