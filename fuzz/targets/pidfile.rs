#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pidward_checks::pidfile(data));
