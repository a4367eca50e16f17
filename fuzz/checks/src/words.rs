//! What people write: signals, schedules, units, and the names of pidfiles.

use std::ffi::{CStr, CString};

use pidward_identity::signal::Signal;

use crate::paths;
use crate::schedule_text::{Schedule, Step};
use crate::unit_text;

/// A signal's number is one, and its name, in any case and with `SIG` before it, is the same signal's.
///
/// # Panics
/// When that is not so.
pub fn signal(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let is_number = text.bytes().all(|it| it.is_ascii_digit());
    let Some(signal) = Signal::parse(text) else {
        assert!(!is_number || !text.parse().is_ok_and(|number: u32| number <= 64));
        return;
    };
    let number = signal.number();
    assert!((0..=64).contains(&number));
    let mut same = vec![
        number.to_string(),
        text.to_ascii_uppercase(),
        text.to_ascii_lowercase(),
    ];
    if !is_number && !text.to_ascii_uppercase().starts_with("SIG") {
        same.push(format!("SIG{text}"));
    }
    if signal.name().is_some() || number >= 34 {
        same.push(signal.to_string());
    }
    for text in same {
        assert_eq!(Signal::parse(&text), Some(signal), "{text}");
    }
}

/// A schedule that ends has no more steps than its text has room for, and written again it is the same; one that does not
/// end waits now and then.
///
/// # Panics
/// When that is not so.
pub fn schedule(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(schedule) = text.parse::<Schedule>() else {
        return;
    };
    let most = text.split('/').count().max(4);
    let (mut at, mut steps) = (0, Vec::new());
    while steps.len() <= 3 * most
        && let Some(step) = schedule.next(&mut at)
    {
        steps.push(step);
    }
    if steps.len() <= most {
        let word = |step: &Step| match step {
            Step::Send(signal) => format!("-{}", signal.number()),
            Step::Wait(time) => time.as_secs().to_string(),
        };
        let words: Vec<String> = steps.iter().map(word).collect();
        assert_eq!(words.join("/").parse(), Ok(schedule));
    } else {
        assert!(text.split('/').any(|item| item == "forever"));
        let waits = |step: &Step| matches!(step, Step::Wait(time) if !time.is_zero());
        let (_, repeated) = steps.split_at(most);
        assert!(repeated.windows(most).all(|some| some.iter().any(waits)));
    }
}

/// Settings are trimmed and no longer than the text, and written again they are the same.
///
/// # Panics
/// When that is not so.
pub fn unit(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let settings = unit_text::parse(&text);
    let length = settings.iter().map(|(key, value)| key.len() + value.len());
    assert!(length.sum::<usize>() <= text.len());
    let mut again = "[Service]\n".to_owned();
    for (key, value) in &settings {
        assert!(key.trim() == key && value.trim() == value && !key.contains('='));
        // The space keeps a backslash at its end from going on.
        again.extend([key, "=", value, " \n"]);
    }
    assert_eq!(unit_text::parse(&again), settings);
}

/// Every path that is named and no longer than one may be is handed over; taken apart and joined again, below any
/// directory, it leads to the same file.
///
/// # Panics
/// When that is not so.
pub fn named(data: &[u8]) {
    let value = data.split(|&byte| byte == 0).next().unwrap_or_default();
    let value = CString::new(value).expect("no NUL");
    let mut paths: Vec<CString> = Vec::new();
    paths::each(&value, |path| paths.push(path.to_owned()));
    let parts = value.to_bytes().split(|&byte| byte == b':');
    let short = parts.filter(|path| path.len() < paths::SIZE);
    assert!(paths.iter().map(|path| path.to_bytes()).eq(short));
    let deep = [b"/", [b'd'; paths::SIZE - 32].as_slice()].concat();
    for directory in [&b""[..], b"/run", &deep] {
        for path in &paths {
            taken_apart(directory, path.to_bytes());
        }
    }
}

/// A path from this directory.
fn taken_apart(directory: &[u8], path: &[u8]) {
    let start = [directory, b"/"].concat();
    let mut text = [0; paths::SIZE];
    text[..start.len()].copy_from_slice(&start);
    let whole = [&start, path].concat();
    let Some(name_at) = paths::split(&mut text, start.len(), path) else {
        assert!(whole.len() + 2 > paths::SIZE);
        return;
    };
    let name = CStr::from_bytes_until_nul(&text[usize::from(name_at)..]).expect("a name");
    let directory = CStr::from_bytes_until_nul(&text).expect("a directory");
    assert!(directory.to_bytes().starts_with(b"/") && !name.to_bytes().contains(&b'/'));
    let mut again = [0; paths::SIZE];
    let again = paths::joined(&mut again, directory, name).expect("a path");
    assert_eq!(components(again.to_bytes()), components(&whole));
}

/// What is between slashes, however many of them.
fn components(path: &[u8]) -> Vec<&[u8]> {
    let mut all: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let last = all.pop();
    all.retain(|part| !part.is_empty());
    all.extend(last);
    all
}
