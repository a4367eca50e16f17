//! A filter that is set while another thread asks whether there is one is never forgotten.

use crate::atomic::in_every_order;
use crate::seccomp;

#[test]
fn a_filter_that_is_set_is_never_forgotten() {
    in_every_order(|run| {
        run(&[
            || {
                seccomp::filtered();
            },
            || {
                seccomp::before_filter().was_set(true);
                assert!(seccomp::filtered());
            },
        ]);
        assert!(seccomp::filtered());
    });
}
