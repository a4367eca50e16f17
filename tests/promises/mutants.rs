//! The promises can be broken: with each part of the shim switched off in turn, one of them is.
//!
//! A part is switched off in a copy of the sources, by another text in the place of one that has to be there, so that
//! nothing in what is shipped knows of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use libtest_mimic::{Failed, Trial};
use pidward_tests::failure::{Checked, Doing, Failure};
use pidward_tests::release;

use crate::promise;

/// A part of the shim that is switched off.
struct Mutant {
    /// What is missing.
    without: &'static str,
    /// The file of shim/src/ where it is done.
    file: &'static str,
    /// The text that does it.
    text: &'static str,
    /// What stands there instead.
    instead: &'static str,
    /// The promise that is broken by it.
    breaks: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        without: "what_sigaction_tells",
        file: "hooks/signal.rs",
        text: "disposition::action_as_believed(disposition::last_set(signal), old);",
        instead: "",
        breaks: "dispositions_are_the_daemons_own::a_query_of_what_was_never_set",
    },
    Mutant {
        without: "what_sigaction_hands_out",
        file: "hooks/signal.rs",
        text: "disposition::action_as_believed(before, old);",
        instead: "",
        breaks: "dispositions_are_the_daemons_own::sigaction",
    },
    Mutant {
        without: "what_signal_hands_out",
        file: "hooks/signal.rs",
        text: "disposition::handler_as_believed(before, old)\n",
        instead: "old\n",
        breaks: "dispositions_are_the_daemons_own::signal",
    },
    Mutant {
        without: "what_a_system_call_hands_out",
        file: "hooks/system_call.rs",
        text: "disposition::as_believed(before, &mut told);",
        instead: "",
        breaks: "dispositions_are_the_daemons_own::system_call",
    },
    Mutant {
        without: "flags",
        file: "disposition.rs",
        text: "believed.flags.store(daemons.flags, Ordering::Relaxed);",
        instead: "",
        breaks: "dispositions_are_the_daemons_own::a_query_of_a_default_with_flags",
    },
    Mutant {
        without: "masks",
        file: "disposition.rs",
        text: "believed.mask.store(daemons.mask, Ordering::Relaxed);",
        instead: "",
        breaks: "dispositions_are_the_daemons_own::a_query_of_what_was_set_since",
    },
    Mutant {
        without: "a_stand_in_after_the_daemons_handler",
        file: "hooks/signal.rs",
        text: "settle::settle(signal);\n    disposition::handler_as_believed",
        instead: "disposition::handler_as_believed",
        breaks: "dispositions_are_the_daemons_own::back_to_the_default",
    },
    Mutant {
        without: "a_stand_in_for_realtime_signals",
        file: "settle.rs",
        text: "for signal in 1..=64 {\n            let expected",
        instead: "for signal in 1..=31 {\n            let expected",
        breaks: "every_signal_ends_as_it_always_did::raised",
    },
    Mutant {
        without: "what_was_displaced",
        file: "settle.rs",
        text: "if displaced == expected {",
        instead: "if displaced != wanted {",
        breaks: "dispositions_are_the_daemons_own::a_query_of_what_was_set_before",
    },
    Mutant {
        without: "what_is_in_place_already",
        file: "settle.rs",
        text: "disposition::switch_on() && memory",
        instead: "(disposition::switch_on() || true) && memory",
        breaks: "dispositions_stay_the_daemons_own_when_another_pidfile_is_seen",
    },
    Mutant {
        without: "what_is_blocked",
        file: "settle.rs",
        text: "alone && !blocked.was(signal)",
        instead: "alone && (true || !blocked.was(signal))",
        breaks: "dispositions_are_the_daemons_own::a_signal_that_is_ignored_and_waited_for_stays_pending",
    },
    Mutant {
        without: "what_was_loaded",
        file: "hooks.rs",
        text: "if !objects::remember() {\n        resolve_all();\n    }",
        instead: "",
        breaks: "a_child_waits_for_no_lock_that_a_thread_of_its_parents_has",
    },
    Mutant {
        without: "sig_ign",
        file: "settle.rs",
        text: "SIG_IGN => None,",
        instead: "SIG_IGN => Some(stand_in()),",
        breaks: "dispositions_are_the_daemons_own::ignored_stays_ignored",
    },
    Mutant {
        without: "signals_that_end_nothing",
        file: "settle.rs",
        text: "SIGCHLD | SIGCONT | SIGKILL",
        instead: "SIGCONT | SIGKILL",
        breaks: "signals_that_end_nothing_go_on_doing_so",
    },
    Mutant {
        without: "the_wrapping_of_resethand",
        file: "settle.rs",
        text: "handler if is_ours(handler) || !resets => None,",
        instead: "_ if resets || !resets => None,",
        breaks: "dispositions_are_the_daemons_own::resethand_runs_once",
    },
    Mutant {
        without: "the_end_of_once",
        file: "stand_in.rs",
        text: "settle::settle(signal);",
        instead: "",
        breaks: "dispositions_are_the_daemons_own::resethand_runs_once",
    },
    Mutant {
        without: "siginterrupt",
        file: "hooks/signal.rs",
        text: "disposition::interrupts(signal, flag != 0);",
        instead: "",
        breaks: "dispositions_are_the_daemons_own::siginterrupt_of_the_default",
    },
    Mutant {
        without: "sigvecs_flags",
        file: "hooks/signal.rs",
        text: "action.sa_flags |= if wanted { flag } else { 0 };",
        instead: "let _ = (wanted, flag);",
        breaks: "dispositions_are_the_daemons_own::sigvec",
    },
    Mutant {
        without: "the_alternate_stack",
        file: "settle.rs",
        text: "SA_SIGINFO | SA_ONSTACK | SA_RESTART",
        instead: "SA_SIGINFO | SA_RESTART",
        breaks: "so_does_a_stack_overflow_that_the_daemon_has_a_stack_for::altstack die overflow_of_stack",
    },
    Mutant {
        without: "a_stack_of_our_own",
        file: "death.rs",
        text: "    stack::with_room(remove_all);",
        instead: "    let _ = stack::with_room;\n    remove_all();",
        breaks: "so_does_a_death_on_a_small_alternate_stack::raise 15",
    },
    Mutant {
        without: "the_unblocking_of_what_killed",
        file: "stand_in.rs",
        text: "    unblock(signal, context);\n",
        instead: "    let _ = (unblock as fn(_, _), context);\n",
        breaks: "every_death_removes_the_pidfile_and_keeps_its_status::sigsuspend",
    },
    Mutant {
        without: "the_place_of_an_interrupted_call",
        file: "stand_in.rs",
        text: "    #[cfg(target_arch = \"x86_64\")]\n    crate::interrupted::restore_place(signal, info, context);\n",
        instead: "",
        breaks: "a_core_of_a_system_call_that_can_be_restarted_shows_the_same_place::say ready hear",
    },
    Mutant {
        without: "the_siginfo_of_what_killed",
        file: "stand_in.rs",
        text: "unsafe { raw_syscall!(Sysno::rt_tgsigqueueinfo, process, thread, signal, info) }",
        instead: "{ let _ = info; 1_usize }",
        breaks: "a_core_is_the_one_there_would_be_without_the_shim::die segv",
    },
    Mutant {
        without: "the_second_look_at_who_stands_there",
        file: "stand_in.rs",
        text: "if settle::was_overtaken(signal) {",
        instead: "if false && settle::was_overtaken(signal) {",
        breaks: "handlers_set_while_the_first_pidfile_is_seen_are_not_lost",
    },
    Mutant {
        without: "the_exception_of_pid_1",
        file: "settle.rs",
        text: "Pid::this_process().get() == 1 || memory",
        instead: "memory",
        breaks: "as_pid_1_the_pidfile_is_removed_when_it_exits",
    },
    Mutant {
        without: "the_question_whose_memory_it_is",
        file: "memory.rs",
        text: "let borrowed = unshare",
        instead: "let borrowed = false && unshare",
        breaks: "a_child_by_vfork_leaves_the_parents_memory_as_it_was",
    },
    Mutant {
        without: "the_withdrawal_before_a_filter",
        file: "seccomp.rs",
        text: "had_stand_ins: settle::withdraw_stand_ins(),",
        instead: "had_stand_ins: false && settle::withdraw_stand_ins(),",
        breaks: "a_daemon_under_a_filter_dies_of_a_signal_as_it_did::prctl",
    },
    Mutant {
        without: "the_stand_ins_after_a_refused_filter",
        file: "seccomp.rs",
        text: "} else if self.had_stand_ins {",
        instead: "} else if false && self.had_stand_ins {",
        breaks: "a_filter_that_is_refused_changes_nothing::prctl",
    },
    Mutant {
        without: "the_last_handler_of_quick_exit",
        file: "hooks/exit.rs",
        text: "match next.filter(|_| LAST_IS_SET.load(Ordering::Relaxed)) {",
        instead: "match next.filter(|_| false) {",
        breaks: "the_daemons_own_clean_up_finds_its_pidfile::quick_exit",
    },
    Mutant {
        without: "settings_before_the_constructor",
        file: "start.rs",
        text: "    read_settings();\n    GUARD_IS_OFF",
        instead: "    GUARD_IS_OFF",
        breaks: "a_constructor_before_ours_starts_no_guard_where_it_is_off",
    },
    Mutant {
        without: "the_usage_of_children",
        file: "hooks/usage.rs",
        text: "usage::as_without_us(unsafe { &mut *used });",
        instead: "let _ = used;",
        breaks: "what_children_have_used_is_the_daemons_childrens",
    },
];

/// A test for each.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    MUTANTS.iter().map(|mutant| {
        let name = format!("without_{}::{}_is_broken", mutant.without, mutant.breaks);
        Trial::test(name, || mutant.breaks_its_promise().map_err(Failed::from))
    })
}

impl Mutant {
    fn breaks_its_promise(&self) -> Checked {
        let built = self.build()?;
        // Where threads have to meet, they may miss each other once.
        for _ in 0..3 {
            match promise::outside(self.breaks, &built) {
                Ok(()) => {}
                Err(failure) if failure.what == "the test itself" => return Err(failure),
                Err(_) => return Ok(()),
            }
        }
        Err(Failure::new("a test that cannot fail", self.breaks))
    }

    /// The release files with this one's library.
    fn build(&self) -> Checked<PathBuf> {
        /// The sources, of which there is one copy, and who builds from them.
        static SOURCES: Mutex<()> = Mutex::new(());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
        let sources = directory.join("sources");
        let built = directory.join(self.without);
        fs::create_dir_all(&built).doing("make a directory")?;
        release::copy(&release::directory()?, &built)?;

        let building = SOURCES
            .lock()
            .map_err(|_| "another build ended amid")
            .doing("build")?;
        copy_sources(&sources)?;
        let file = sources.join("shim/src").join(self.file);
        let text = fs::read_to_string(&file).doing(file.display())?;
        if text.matches(self.text).count() != 1 {
            let message = format!("{} is not once in {}", self.text, self.file);
            return Err(Failure::new("the test itself", message));
        }
        fs::write(&file, text.replace(self.text, self.instead)).doing(file.display())?;
        let target = directory.join("target");
        run(Command::new(env!("CARGO"))
            .args([
                "build",
                "--release",
                "--locked",
                "--offline",
                "-p",
                "pidward-shim",
            ])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(&sources))?;
        let library = "libpidward.so";
        fs::copy(target.join("release").join(library), built.join(library)).doing(library)?;
        drop(building);
        Ok(built)
    }
}

/// Copies what cargo needs, and leaves what is the same as it is: it is not built anew.
fn copy_sources(to: &Path) -> Checked {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::create_dir_all(to).doing("make a directory for sources")?;
    for part in [
        "Cargo.toml",
        "Cargo.lock",
        "identity",
        "shim",
        "manual",
        "fuzz/checks",
        "guard",
        "wrapper",
        "tests",
    ] {
        copy(&from.join(part), &to.join(part))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Checked {
    if from.is_file() {
        let wanted = fs::read(from).doing(from.display())?;
        return match fs::read(to) {
            Ok(there) if there == wanted => Ok(()),
            _ => fs::write(to, wanted).doing(to.display()),
        };
    }
    fs::create_dir_all(to).doing(to.display())?;
    for entry in fs::read_dir(from).doing(from.display())? {
        let name = entry.doing(from.display())?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Checked {
    let output = command.output().doing("cargo")?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let message = String::from_utf8_lossy(&output.stderr);
            Err(Failure::new("the test itself", message))
        }
    }
}
