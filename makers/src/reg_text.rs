//! Makes registry exports: a tree of nodes and values becomes the text that regedit writes, and that it imports.
//!
//! The text is UTF-16, little-endian, with a byte order mark and CRLF. What a text cannot say in quotes (no NUL at its
//! end, a line break inside) is written as bytes, so that every value arrives as it is in the tree.
//!
//! Source: what regedit of Windows and of Wine 10 export; its `reg export` of an import of ours gives the same lines.

use crate::hive::{Node, REG_BINARY, REG_DWORD, REG_SZ, Value, utf16};

const HEADER: &str = "Windows Registry Editor Version 5.00";
/// A line of bytes ends with the byte that takes it past this column.
const COLUMNS: usize = 76;

/// Values by the path of their node below the root.
pub type Names<'a> = &'a [(&'a str, &'a [&'a str])];

/// What a fresh Wine prefix has in SOFTWARE about the Windows that it plays.
pub const WINE_SOFTWARE: Names<'_> = &[(
    r"Microsoft\Windows NT\CurrentVersion",
    &[
        "CurrentBuild",
        "CurrentBuildNumber",
        "CurrentMajorVersionNumber",
        "CurrentMinorVersionNumber",
        "CurrentType",
        "CurrentVersion",
        "DigitalProductId",
        "EditionID",
        "InstallationType",
        "InstallDate",
        "ProductId",
        "ProductName",
        "RegisteredOrganization",
        "RegisteredOwner",
        "SystemRoot",
    ],
)];

/// The export of everything from `tree` down; `root` takes the place of the tree's own name, such as
/// `HKEY_LOCAL_MACHINE\SOFTWARE`.
///
/// An import adds to what is there. Of the values in `removed`, it first takes away those that the tree does not have,
/// so that a registry with a Windows in it then shows the Windows of the tree only.
#[must_use]
pub fn export(root: &str, tree: &Node, removed: Names<'_>) -> Vec<u8> {
    let mut lines = vec![HEADER.to_owned(), String::new()];
    for (path, names) in removed {
        let there = find(tree, path);
        let missing: Vec<&&str> = names.iter().filter(|name| !there.is_some_and(|node| has(node, name))).collect();
        if !missing.is_empty() {
            lines.push(format!("[{root}\\{path}]"));
            lines.extend(missing.iter().map(|name| format!("{}=-", quoted_name(name))));
            lines.push(String::new());
        }
    }
    push_node(&mut lines, root, tree);
    let text: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    utf16(&format!("\u{FEFF}{text}"))
}

fn push_node(lines: &mut Vec<String>, path: &str, node: &Node) {
    lines.push(format!("[{path}]"));
    lines.extend(node.values.iter().map(line));
    lines.push(String::new());
    for child in &node.children {
        push_node(lines, &format!("{path}\\{}", child.name), child);
    }
}

/// The lines of one value, as one text.
fn line(value: &Value) -> String {
    let name = quoted_name(&value.name);
    if value.kind == REG_SZ
        && let Some(text) = plain_text(&value.data)
    {
        return format!("{name}=\"{}\"", escaped(&text));
    }
    if value.kind == REG_DWORD
        && let Ok(bytes) = value.data.as_slice().try_into()
    {
        return format!("{name}=dword:{:08x}", u32::from_le_bytes(bytes));
    }
    let kind = if value.kind == REG_BINARY { "hex:".to_owned() } else { format!("hex({:x}):", value.kind) };
    let start = format!("{name}={kind}");
    let mut column = start.encode_utf16().count();
    let mut line = start;
    for (at, byte) in value.data.iter().enumerate() {
        line += &format!("{byte:02x}");
        column += 2;
        if at + 1 < value.data.len() {
            line.push(',');
            column += 1;
            if column > COLUMNS {
                line += "\\\r\n  ";
                column = 2;
            }
        }
    }
    line
}

/// A text that can stand in quotes: it ends with its only NUL and has no line break.
fn plain_text(data: &[u8]) -> Option<String> {
    let (pairs, odd) = data.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    let text = String::from_utf16(units.strip_suffix(&[0])?).ok()?;
    (odd.is_empty() && !text.contains(['\0', '\r', '\n'])).then_some(text)
}

/// The default value has a sign in place of its name.
fn quoted_name(name: &str) -> String {
    if name.is_empty() { "@".to_owned() } else { format!("\"{}\"", escaped(name)) }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn find<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
    path.split('\\')
        .try_fold(node, |node, name| node.children.iter().find(|child| child.name.eq_ignore_ascii_case(name)))
}

fn has(node: &Node, name: &str) -> bool {
    node.values.iter().any(|value| value.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hive::{Hive, REG_MULTI_SZ, REG_QWORD};

    fn text(export: &[u8]) -> String {
        let units: Vec<u16> = export.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        String::from_utf16(&units).unwrap()
    }

    #[test]
    fn each_type_is_written_as_regedit_writes_it() {
        let mut hive = Hive::new();
        hive.at("Node")
            .text("", "default")
            .text("Pa\"th", r#"C:\a "b""#)
            .dword("Number", 0xBEEF)
            .value("Large", REG_QWORD, 1_u64.to_le_bytes())
            .value("Many", REG_MULTI_SZ, [])
            .value("Bytes", REG_BINARY, [0, 0xFF])
            .value("Short", REG_DWORD, [1])
            .value("Open", REG_SZ, [0x41, 0]);
        let expected = "\u{FEFF}Windows Registry Editor Version 5.00\r\n\r\n[HKEY_X]\r\n\r\n[HKEY_X\\Node]\r\n\
            @=\"default\"\r\n\"Pa\\\"th\"=\"C:\\\\a \\\"b\\\"\"\r\n\"Number\"=dword:0000beef\r\n\
            \"Large\"=hex(b):01,00,00,00,00,00,00,00\r\n\"Many\"=hex(7):\r\n\"Bytes\"=hex:00,ff\r\n\
            \"Short\"=hex(4):01\r\n\"Open\"=hex(1):41,00\r\n\r\n";
        assert_eq!(text(&export("HKEY_X", &hive.root, &[])), expected);
    }

    #[test]
    fn bytes_go_on_in_lines_of_at_most_80_characters() {
        let mut hive = Hive::new();
        hive.root.value("DigitalProductId", REG_BINARY, [0xA5; 164]);
        let text = text(&export("HKEY_X", &hive.root, &[]));
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("a5")).collect();
        // 23 characters and 18 bytes, then two spaces and 25 bytes.
        assert_eq!(lines[0].len(), 78);
        assert!(lines[1].starts_with("  a5,") && lines[1].ends_with(",\\") && lines[1].len() == 78);
        assert_eq!(lines.concat().matches("a5").count(), 164);
        assert!(lines.last().unwrap().ends_with("a5"));
    }

    #[test]
    fn only_values_that_the_tree_lacks_are_removed_before() {
        let mut hive = Hive::new();
        hive.at("Some\\Where").text("EditionID", "Core");
        let text = text(&export("HKEY_X", &hive.root, &[("Some\\where", &["EditionId", "Gone"]), ("Else", &["Old"])]));
        let start = "\u{FEFF}Windows Registry Editor Version 5.00\r\n\r\n[HKEY_X\\Some\\where]\r\n\"Gone\"=-\r\n\r\n\
            [HKEY_X\\Else]\r\n\"Old\"=-\r\n\r\n[HKEY_X]\r\n\r\n";
        assert!(text.starts_with(start), "{text}");
    }
}
