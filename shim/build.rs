//! How libpidward.so is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for argument in [
        // No start files: our constructor and destructor are all there is, and without them the library needs
        // no `__cxa_finalize`.
        "-nostartfiles",
        // rustc links a no_std library with -nodefaultlibs, and the libc crate names the C library only where
        // no other crate of the build asked it for std.
        "-lc",
        "-Wl,-soname,libpidward.so",
        "-Wl,-z,noexecstack",
        // Handlers of ours stay in place when a program that has opened the library closes it again.
        "-Wl,-z,nodelete",
        // The references that we have are resolved when the library is loaded: a lazy one could be resolved
        // for the first time in a signal handler.
        "-Wl,-z,relro,-z,now",
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}
