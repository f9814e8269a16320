//! Asks Windows, or what plays it, for one thing, and prints the answer as JSON. The rig's tests run it.

#[cfg(windows)]
#[path = "probe/windows.rs"]
mod sys;

fn main() {
    #[cfg(windows)]
    sys::main();
}
