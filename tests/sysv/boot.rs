//! When the sweep's turn comes at boot: when file systems are mounted, and before all daemons.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pidward_tests::failure::{Checked, Doing, Failure};

use crate::Test;
use crate::machine::{Machine, packaged};
use crate::openrc::booted;
use crate::services::SERVICES;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        crate::test("insserv_orders_the_sweep_before_the_daemons", insserv),
        crate::test("openrc_orders_the_sweep_before_the_daemons", openrc),
    ]
}

/// Debian's early scripts, as far as they are ordered: what they provide, what they come after, and when.
const EARLY: [(&str, &str, &str); 6] = [
    ("mountkernfs", "", "S"),
    ("mountall", "mountkernfs", "S"),
    ("mountnfs", "$local_fs $network", "S"),
    ("networking", "mountkernfs $local_fs", "S"),
    ("umountnfs", "", ""),
    ("umountfs", "", ""),
];

fn install(from: &str) -> Checked {
    const SCRIPT: &str = "/etc/init.d/pidward-sweep";
    fs::copy(packaged(from), SCRIPT).doing("install the script")?;
    fs::set_permissions(SCRIPT, fs::Permissions::from_mode(0o755)).doing("make it executable")
}

/// The numbers in the names of links decide, and within a number the table for those who start in parallel.
fn insserv(machine: &Machine) -> Checked {
    // Debian's own and no others: some of the machine's need what is not there.
    let levels = ["S", "0", "1", "2", "3", "4", "5", "6"].map(|level| format!("/etc/rc{level}.d"));
    let others = ["/etc/init.d", "/etc/insserv.conf.d"].map(str::to_owned);
    for directory in others.into_iter().chain(levels) {
        let kept = |name: &str| {
            let mut services = SERVICES.iter();
            services.any(|service| name.ends_with(service.name))
        };
        for entry in fs::read_dir(directory).doing("list scripts")?.flatten() {
            if !kept(&entry.file_name().to_string_lossy()) && !entry.path().is_dir() {
                fs::remove_file(entry.path()).doing("remove a script")?;
            }
        }
    }
    for (name, after, level) in EARLY {
        let header = format!(
            "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: {name}\n# Required-Start: {after}\n# Required-Stop:\n\
             # Default-Start: {level}\n# Default-Stop:\n# Short-Description: {name}\n### END INIT INFO\n"
        );
        let path = format!("/etc/init.d/{name}");
        fs::write(&path, header).doing("write a script")?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).doing("make it executable")?;
    }
    install("sysvinit/pidward-sweep")?;
    let names = EARLY.map(|(name, _, _)| name).join(" ");
    machine.does(&format!("insserv {names}"))?;
    machine.does("update-rc.d pidward-sweep defaults")?;
    let early = links("/etc/rcS.d")?;
    let number = |name: &str| {
        let found = early.iter().find(|(_, script)| script == name);
        found
            .map(|(number, _)| *number)
            .ok_or(name)
            .doing("find the link")
    };
    let sweep = number("pidward-sweep")?;
    if !(number("mountall")? < sweep && sweep < number("networking")?) {
        return Err(Failure::new("another order", format!("{early:#?}")));
    }
    let table = fs::read_to_string("/etc/init.d/.depend.boot").doing("read the table")?;
    for line in ["pidward-sweep: mountall", "networking: "] {
        let found = table.lines().find(|it| it.starts_with(line));
        let found = found.ok_or_else(|| Failure::new("not ordered", &table))?;
        if line == "networking: " && !found.contains("pidward-sweep") {
            return Err(Failure::new("not ordered", found));
        }
    }
    // All that is in rcS.d has ended before any of these begins.
    let daemons = links("/etc/rc2.d")?;
    for service in &SERVICES {
        if !daemons.iter().any(|(_, script)| script == service.name)
            || early.iter().any(|(_, script)| script == service.name)
        {
            let evidence = format!("{}: {daemons:#?}", service.name);
            return Err(Failure::new("a daemon is started elsewhere", evidence));
        }
    }
    Ok(())
}

/// The numbers and the scripts of the links that start something.
fn links(directory: &str) -> Checked<Vec<(u32, String)>> {
    let entries = fs::read_dir(directory).doing("list links")?.flatten();
    let link = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (number, script) = name.strip_prefix('S')?.split_at_checked(2)?;
        Some((number.parse().ok()?, script.to_owned()))
    };
    Ok(entries.filter_map(link).collect())
}

/// With Debian's services in the runlevel that they are in, and with one that mounts file systems by each of its names.
fn openrc(machine: &Machine) -> Checked {
    booted()?;
    install("openrc/pidward-sweep")?;
    machine.does("rc-update add pidward-sweep boot")?;
    for mounts in ["mountall", "localmount"] {
        let path = format!("/etc/init.d/{mounts}");
        fs::write(&path, "#!/sbin/openrc-run\nstart() { :; }\n").doing("write a service")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .doing("make it executable")?;
        machine.does(&format!("rc-update add {mounts} boot"))?;
        machine.does("rc-update -u")?;
        let order = machine.does("/lib/rc/bin/rc-depend --starting --update pidward-sweep")?;
        let before: Vec<&str> = order.split_whitespace().collect();
        if before.last() != Some(&"pidward-sweep") {
            return Err(Failure::new("another order", order));
        }
        let all = machine.does(&format!(
            "/lib/rc/bin/rc-depend --starting {mounts} pidward-sweep"
        ))?;
        let mounted = all.find(mounts);
        let is_after = mounted.is_some() && mounted < all.find("pidward-sweep");
        let broken = fs::read_to_string("/run/openrc/deptree").doing("read the dependencies")?;
        let number = broken.lines().find_map(|line| {
            let (number, service) = line.strip_prefix("depinfo_")?.split_once("_service=")?;
            (service == "'pidward-sweep'").then(|| number.to_owned())
        });
        let number = number.ok_or("none").doing("find the service")?;
        if !is_after || broken.contains(&format!("depinfo_{number}_broken_")) {
            return Err(Failure::new("another order", format!("{all}\n{broken}")));
        }
        fs::remove_file(path).doing("remove the service")?;
        machine.does(&format!("rc-update del {mounts} boot"))?;
    }
    // Each service of boot has ended before those of default begin.
    let levels = machine.does("rc-update show")?;
    for service in &SERVICES {
        let line = levels
            .lines()
            .find(|line| line.trim().starts_with(&format!("{} ", service.name)));
        if !line.is_some_and(|line| line.contains("default") && !line.contains("boot")) {
            return Err(Failure::new(
                format!("{} starts early", service.name),
                levels,
            ));
        }
    }
    Ok(())
}
