//! nginx: a master with workers, which end all the time and must not touch the pidfile.

use pidward_tests::world::write;

use crate::daemon::{Daemon, Ready};

const CONFIGURATION: &str = "\
pid /mnt/nginx.pid;
error_log /mnt/nginx.log notice;
user www-data;
worker_processes 2;
events {}
http {
    access_log off;
    client_body_temp_path /mnt/tmp/body;
    proxy_temp_path /mnt/tmp/proxy;
    fastcgi_temp_path /mnt/tmp/fastcgi;
    uwsgi_temp_path /mnt/tmp/uwsgi;
    scgi_temp_path /mnt/tmp/scgi;
    server {
        listen 127.0.0.1:8080;
        return 200;
    }
}
";

pub(crate) const DAEMON: Daemon = Daemon {
    name: "nginx",
    package: "nginx",
    prepare: |_| write("nginx.conf", CONFIGURATION),
    pidfile: "nginx.pid",
    // Its whole path, which it needs to execute another master.
    start: &[
        "/usr/sbin/nginx",
        "-e",
        "/mnt/nginx.log",
        "-c",
        "/mnt/nginx.conf",
    ],
    ready: &[Ready::Answers(8080, "GET / HTTP/1.0\r\n\r\n")],
    stop: Some(&[
        "nginx",
        "-e",
        "/mnt/nginx.log",
        "-c",
        "/mnt/nginx.conf",
        "-s",
        "stop",
    ]),
    ..Daemon::USUAL
};
