//! What `status` tells Prometheus: its text format, version 0.0.4. Each series that can be known beforehand is there, if only with 0:
//! one that comes and goes makes no good alert.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use pidward_identity::verdict::Reason;

use super::to_stdout;
use crate::finding::Finding;
use crate::tally::Removal;

/// All numbers.
///
/// # Errors
/// When standard output does not take them; that has been said then.
pub(crate) fn numbers(
    findings: &[Finding],
    guards: u64,
    removals: &BTreeMap<Removal, u64>,
) -> io::Result<()> {
    to_stdout(&text(findings, guards, removals))
}

fn text(findings: &[Finding], guards: u64, removals: &BTreeMap<Removal, u64>) -> String {
    let mut text = String::new();
    head(
        &mut text,
        "pidward_pidfiles",
        "gauge",
        "Pidfiles by what they mean.",
    );
    for reason in Reason::ALL {
        let (class, name) = (reason.class().name(), reason.name());
        let count = findings
            .iter()
            .filter(|it| it.reason.name() == name)
            .count();
        let _ = writeln!(
            text,
            "pidward_pidfiles{{class=\"{class}\",reason=\"{name}\"}} {count}"
        );
    }
    head(&mut text, "pidward_guards", "gauge", "Guards at work.");
    let _ = writeln!(text, "pidward_guards {guards}");
    let name = "pidward_removals_total";
    let help = "Pidfiles removed by guards, sweeps and stops, by how their daemons had ended or what they were.";
    head(&mut text, name, "counter", help);
    for (Removal { by, cause }, count) in removals {
        let _ = writeln!(text, "{name}{{by=\"{by}\",cause=\"{cause}\"}} {count}");
    }
    text
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_and_reason_is_there() {
        let text = text(&[], 0, &BTreeMap::new());
        let series = text
            .lines()
            .filter(|line| line.starts_with("pidward_pidfiles{"));
        assert_eq!(series.count(), Reason::ALL.len());
        assert!(
            text.contains("{class=\"stale\",reason=\"other-boot\"} 0\n"),
            "{text}"
        );
    }
}
