//! A made Windows to try `keystow.exe` on by hand: `cargo run -p keystow-rig --example pc -- windows-10-home`.
//!
//! Each line of input is one run of the program, its words divided by spaces; a line that begins with `{` changes the
//! scenario (members of `rig/README.md`), and `calls` shows what the stand-ins were asked.

#![expect(clippy::indexing_slicing, clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::io::BufRead;

use keystow_makers::windows;
use keystow_rig::{Prefix, made};
use serde_json::Value;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let all = windows::all();
    let Some(made) = all.iter().find(|made| made.name == wanted) else {
        let names: Vec<_> = all.iter().map(|made| made.name).collect();
        return println!("name one of {}", names.join(", "));
    };
    let prefix = Prefix::of(made).unwrap();
    prefix.standins(&made::scenario(made)).unwrap();
    println!("The prefix is {}; drive Z: is this PC's root.", prefix.folder().display());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        if line.starts_with('{') {
            let mut scenario = prefix.scenario().unwrap();
            let changes: Value = serde_json::from_str(&line).unwrap();
            for (name, value) in changes.as_object().unwrap() {
                scenario[name] = value.clone();
            }
            prefix.standins(&scenario).unwrap();
        } else if line == "calls" {
            for call in prefix.calls().unwrap() {
                println!("{call}");
            }
        } else {
            let words: Vec<&str> = line.split_whitespace().collect();
            match prefix.keystow(&words) {
                Ok(ran) => println!("{}{}(exit {:?})", ran.stdout, ran.stderr, ran.code),
                Err(error) => println!("{error}"),
            }
        }
    }
}
