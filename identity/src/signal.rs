//! Signals by name and by number, signal(7).

use core::fmt::{self, Display};

/// A signal, or 0, which sends none and only asks whether that would be allowed (kill(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal(i32);

/// By number from 1 on, the same on all architectures that this is built for.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Other names of the same.
const ALIASES: [(&str, i32); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];

/// The first of the realtime signals that programs may use: the C library keeps two for itself.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

impl Signal {
    /// None: the question alone.
    pub const NONE: Self = Self(0);
    /// `SIGKILL`.
    pub const KILL: Self = Self(9);
    /// `SIGTERM`.
    pub const TERM: Self = Self(15);

    /// The signal of this number; `None` when there is none.
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        match number {
            0..=RTMAX => Some(Self(number)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// A signal as people write it: `TERM`, `SIGTERM`, `15`, `RTMIN+3`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().and_then(Self::new);
        }
        let name = match text.split_at_checked(3) {
            Some((sig, name)) if sig.eq_ignore_ascii_case("SIG") => name,
            _ => text,
        };
        Self::named(name).or_else(|| Self::realtime(name))
    }

    fn named(name: &str) -> Option<Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let alias = || ALIASES.iter().find(|(alias, _)| is(alias));
        let index = NAMES.iter().position(|known| is(known));
        match index.and_then(|index| i32::try_from(index).ok()) {
            Some(index) => Self::new(index.checked_add(1)?),
            None => alias().map(|&(_, number)| Self(number)),
        }
    }

    /// `RTMIN`, `RTMIN+3`, `RTMAX`, `RTMAX-3`.
    fn realtime(name: &str) -> Option<Self> {
        let (end, rest) = name.split_at_checked(5)?;
        let (start, sign, step) = if end.eq_ignore_ascii_case("RTMIN") {
            (RTMIN, '+', 1)
        } else if end.eq_ignore_ascii_case("RTMAX") {
            (RTMAX, '-', -1)
        } else {
            return None;
        };
        let number = match rest.strip_prefix(sign) {
            None if rest.is_empty() => 0,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse::<i32>().ok()?
            }
            _ => return None,
        };
        let signal = start.checked_add(number.checked_mul(step)?)?;
        (RTMIN..=RTMAX).contains(&signal).then_some(Self(signal))
    }

    /// Its name without `SIG`; `None` for a realtime signal and for none.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let index = usize::try_from(self.0.checked_sub(1)?).ok()?;
        NAMES.get(index).copied()
    }
}

/// By name, without `SIG`; by number where it has none.
impl Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.0) {
            (Some(name), _) => out.write_str(name),
            (None, RTMIN) => out.write_str("RTMIN"),
            (None, number) if number > RTMIN => {
                write!(out, "RTMIN+{}", number.saturating_sub(RTMIN))
            }
            (None, number) => write!(out, "signal {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_many_names() {
        for (number, texts) in [
            (15, &["TERM", "SIGTERM", "term", "sigterm", "15"][..]),
            (6, &["ABRT", "SIGIOT"]),
            (0, &["0"]),
            (37, &["RTMIN+3", "SIGRTMIN+3", "rtmin+3", "37"]),
            (34, &["RTMIN", "RTMIN+0"]),
            (64, &["RTMAX", "RTMIN+30", "64"]),
            (61, &["RTMAX-3"]),
        ] {
            for text in texts {
                assert_eq!(Signal::parse(text), Some(Signal(number)), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_signal_is_none() {
        for text in [
            "",
            "SIG",
            "FOO",
            "-9",
            "+9",
            "65",
            "99999999999",
            "RTMIN-1",
            "RTMIN+31",
            "RTMAX+1",
            "RTMIN+",
            "RTMIN++1",
            "SIGSIGTERM",
            "SIG9",
            "T\u{e9}RM",
        ] {
            assert_eq!(Signal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_signal_is_shown_as_it_is_read() {
        for number in (1..=31).chain(34..=64) {
            let shown = Signal(number).to_string();
            assert_eq!(Signal::parse(&shown), Some(Signal(number)), "{shown}");
        }
    }
}
