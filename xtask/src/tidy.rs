//! The invariants of ARCHITECTURE.md, read off the sources.

use std::path::Path;

use crate::fuzz;
use crate::run::{Done, files, root};

/// Which of our crates each may use. `dev-dependencies` are free.
const GRAPH: &[(&str, &[&str])] = &[
    ("account", &[]),
    ("core", &[]),
    ("find", &["keystow-core", "keystow-os"]),
    ("keystow", &["keystow-account", "keystow-core", "keystow-find", "keystow-os", "keystow-vault"]),
    ("os", &[]),
    ("vault", &["keystow-core", "keystow-os"]),
];
/// What `core` may not name: bytes in, values out.
const NOT_IN_CORE: &[&str] =
    &["std::env", "std::fs", "std::net", "std::process", "std::thread", "std::time", "Timestamp::now", "Zoned::now"];
/// Parsers of hostile input; each needs a fuzz target with seeds.
const PARSERS: &[&str] = &[
    "account_sealed",
    "account_text",
    "account_wire",
    "acpidump",
    "digital_product_id",
    "hive",
    "key_text",
    "msdm",
    "pkeyconfig",
    "product_id",
    "product_key",
    "reg_file",
    "slic",
    "smbios",
    "vault_meta",
    "vault_record",
];
/// Ways out of a [`ProductKey`] that must not exist.
const NOT_FOR_KEYS: &[&str] = &[
    "Deref for ProductKey",
    "Display for ProductKey",
    "From<ProductKey> for String",
    "LowerHex for ProductKey",
    "Serialize for ProductKey",
    "ToString for ProductKey",
];
/// Marks of what was put off, spelled so that this list is none itself.
const UNFINISHED: &[&str] = &[concat!("#[", "ignore"), concat!("todo", "!("), concat!("unimplemented", "!(")];
const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 60;

pub(crate) fn run() -> Done {
    let mut faults = Vec::new();
    graph(&mut faults);
    fuzzed(&mut faults);
    for path in files(&root(), &["rs"]) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let short = path.strip_prefix(root()).unwrap_or(&path);
        source(short, &text, &mut faults);
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!("the tree is not tidy:\n  {}", faults.join("\n  ")))
}

fn source(path: &Path, text: &str, faults: &mut Vec<String>) {
    let shown = path.display();
    let generated = text.starts_with("// @generated");
    let lines = text.lines().count();
    if lines > LONGEST_FILE && !generated {
        faults.push(format!("{shown}: {lines} lines, {LONGEST_FILE} at most"));
    }
    for (line, length) in long_functions(text) {
        faults.push(format!("{shown}:{line}: a function of {length} lines, {LONGEST_FUNCTION} at most"));
    }
    let ours = path.starts_with("crates") && !path.starts_with("xtask");
    for (number, line) in text.lines().enumerate().filter(|_| ours) {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        let at = format!("{shown}:{}", number + 1);
        if path.starts_with("crates/core/src")
            && let Some(name) = NOT_IN_CORE.iter().find(|name| code.contains(*name))
        {
            faults.push(format!("{at}: core names {name}"));
        }
        let shipped = path.components().any(|part| part.as_os_str() == "src");
        if shipped && !path.starts_with("crates/os") && (is_unsafe(code) || is_platform_cfg(code)) {
            faults.push(format!("{at}: unsafe and platform cfg stand only in os"));
        }
        if let Some(way) = NOT_FOR_KEYS.iter().find(|way| code.contains(*way)) {
            faults.push(format!("{at}: {way}"));
        }
        if UNFINISHED.iter().any(|mark| code.contains(mark)) {
            faults.push(format!("{at}: unfinished"));
        }
    }
}

/// Whether a line opens something unsafe; the word inside a text, such as a page's policy, does not.
fn is_unsafe(code: &str) -> bool {
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait", "unsafe("]
        .iter()
        .any(|open| code.contains(open))
}

fn is_platform_cfg(code: &str) -> bool {
    let cfg = code.contains("cfg(") || code.contains("cfg!(") || code.contains("cfg_attr(");
    cfg && ["windows", "unix", "target_os", "target_family"].iter().any(|name| code.contains(name))
}

fn names(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word)
}

/// Functions that are too long, as (line, length). rustfmt ends a function at the indentation where it began.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !(names(line, "fn") && line.trim_end().ends_with('{')) || line.trim_start().starts_with("//") {
            continue;
        }
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines.iter().skip(start).position(|line| *line == end).map_or(0, |at| at + 1);
        if length > LONGEST_FUNCTION {
            found.push((start + 1, length));
        }
    }
    found
}

fn graph(faults: &mut Vec<String>) {
    for (name, allowed) in GRAPH {
        let manifest = root().join("crates").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap_or_default();
        let Some((_, dependencies)) = text.split_once("[dependencies]") else {
            faults.push(format!("{}: no dependencies section", manifest.display()));
            continue;
        };
        let dependencies = dependencies.split("[dev-dependencies]").next().unwrap_or_default();
        for line in dependencies.lines() {
            let used = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if used.starts_with("keystow-") && !allowed.contains(&used) {
                faults.push(format!("crates/{name} uses {used}, which the crate graph does not allow"));
            }
        }
    }
}

fn fuzzed(faults: &mut Vec<String>) {
    let targets = fuzz::targets();
    for name in PARSERS {
        let seeds = std::fs::read_dir(root().join("fuzz/corpus").join(name)).map_or(0, Iterator::count);
        if !targets.iter().any(|target| target == name) || seeds == 0 {
            faults.push(format!("the parser {name} has no fuzz target with seeds"));
        }
    }
    for name in targets.iter().filter(|name| !PARSERS.contains(&name.as_str())) {
        faults.push(format!("the fuzz target {name} is in no list"));
    }
}
