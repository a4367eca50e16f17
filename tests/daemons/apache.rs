//! Apache httpd with the event MPM. It writes its pidfile by rename, and its crash handlers have SA_RESETHAND and raise
//! the signal again.

use pidward_tests::world::write;

use crate::daemon::{Daemon, Ready};

const CONFIGURATION: &str = "\
ServerRoot /mnt
ServerName localhost
DefaultRuntimeDir /mnt
PidFile /mnt/httpd.pid
ErrorLog /mnt/error.log
Listen 127.0.0.1:8081
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
User www-data
Group www-data
StartServers 2
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "apache",
    package: "apache2",
    prepare: |_| write("apache2.conf", CONFIGURATION),
    pidfile: "httpd.pid",
    start: &["apache2", "-f", "/mnt/apache2.conf", "-k", "start"],
    ready: &[Ready::Answers(8081, "GET / HTTP/1.0\r\n\r\n")],
    stop: Some(&["apache2", "-f", "/mnt/apache2.conf", "-k", "stop"]),
    ..Daemon::USUAL
};
