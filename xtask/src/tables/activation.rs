//! What to do about each answer of the license service, and the table that `keystow_core::activation` looks in.
//!
//! Code, symbol and meaning come from `sl_errors.csv`; the class and the next step stand here.

use std::fmt::Write as _;
use std::path::Path;

use super::sheets::{Row, sheet};

/// The symbols of codes that the sheet has none for, after the Windows headers.
const SYMBOLS: [(u32, &str); 8] = [
    (0x8007_0005, "E_ACCESSDENIED"),
    (0x8007_0057, "E_INVALIDARG"),
    (0x8007_007B, "ERROR_INVALID_NAME"),
    (0x8007_0490, "ERROR_NOT_FOUND"),
    (0x8007_06BA, "RPC_S_SERVER_UNAVAILABLE"),
    (0x8007_232B, "DNS_ERROR_RCODE_NAME_ERROR"),
    (0x8007_251D, "DNS_INFO_NO_RECORDS"),
    (0xC004_F065, "SL_I_NONGENUINE_GRACE_PERIOD"),
];

/// British spellings in the sheet, and what the project writes.
const SPELLINGS: [(&str, &str); 6] = [
    ("icence", "icense"),
    ("authorisation", "authorization"),
    ("confirmation id", "confirmation ID"),
    ("nstallation id", "nstallation ID"),
    ("virtualisation", "virtualization"),
    ("form five groups of five", "form of five groups of five"),
];

const DAMAGED: &str =
    "Windows' license files are damaged: run `sfc /scannow` as administrator, restart this PC and try again.";
const FACTORY: &str = "This product key works only with the mainboard of its maker. Enter the one on the PC's sticker, or \
                       a product key of your own.";
const MAK: &str = "Ask your organization's administrator to have the activations of this product key (MAK) raised.";
const NOTHING: &str = "There is nothing to do.";
const RETYPE: &str =
    "Compare both numbers with what the telephone said, digit by digit, and enter the confirmation ID again.";
const RESTORE: &str = "Give Windows its product key back with `keystow restore`, or sign in with the Microsoft account to \
                       which the license is linked: `keystow link`.";
const SUPPORT: &str =
    "Ask the seller whether the license is genuine. With a product key of your own: `keystow restore`.";

/// Code, class, and the next step where it is another than that of the class. Sorted.
const ADVICE: &[(u32, &str, Option<&str>)] = &[
    (0x4004_F00C, "Other", Some("Windows works and waits for activation. Activate it with `keystow restore`.")),
    (0x4004_F00D, "Hardware", None),
    (0x4004_F040, "Other", Some(NOTHING)),
    (0x4004_F401, "Store", Some(NOTHING)),
    (0x4004_FC04, "Other", Some("Note the day on which the license ends, and renew it before.")),
    (0x4004_FC05, "Other", Some(NOTHING)),
    (0x8004_FE21, "Blocked", Some(SUPPORT)),
    (0x8007_0005, "Rights", None),
    (0x8007_0057, "Key", None),
    (0x8007_007B, "Organization", None),
    (
        0x8007_0490,
        "Edition",
        Some("`keystow fit` says which edition the product key is for. If it is the right one, run `sfc /scannow`."),
    ),
    (0x8007_06BA, "Organization", None),
    (0x8007_232B, "Organization", None),
    (0x8007_251D, "Organization", None),
    (0x8A01_0101, "Edition", None),
    (0xC004_B100, "Other", Some("Try again in an hour. If it stays so, activate by telephone: `--method offline`.")),
    (0xC004_C001, "Key", None),
    (0xC004_C003, "Blocked", None),
    (0xC004_C004, "Key", None),
    (0xC004_C007, "Key", None),
    (0xC004_C008, "UsedUp", None),
    (0xC004_C00E, "Key", None),
    (0xC004_C00F, "Key", None),
    (0xC004_C010, "Key", None),
    (0xC004_C012, "Network", None),
    (0xC004_C016, "Key", Some("Enter the product key on the PC's sticker instead of the factory's.")),
    (
        0xC004_C017,
        "Blocked",
        Some("A product key is for the region in which it was sold. Ask the seller for one of your region."),
    ),
    (0xC004_C020, "UsedUp", Some(MAK)),
    (0xC004_C021, "UsedUp", Some(MAK)),
    (0xC004_C030, "Key", Some("Check this PC's date. If it is right, wait for the day on which the license begins.")),
    (0xC004_C031, "Key", Some("Its time is over. Use another product key.")),
    (
        0xC004_C051,
        "Hardware",
        Some("Ask the maker of the PC: after a repair, the maker puts a new product key into the firmware."),
    ),
    (0xC004_C060, "Blocked", None),
    (0xC004_C401, "Edition", Some("Install the Windows that this product key is for: `keystow explain` names it.")),
    (0xC004_C4A2, "Blocked", None),
    (0xC004_C770, "UsedUp", None),
    (0xC004_D302, "Restart", None),
    (0xC004_D307, "Other", Some("The trial cannot be renewed again. Activate with `keystow restore`.")),
    (0xC004_E003, "Other", Some(DAMAGED)),
    (0xC004_E016, "Edition", None),
    (0xC004_E028, "Busy", None),
    (0xC004_F002, "Restart", None),
    (0xC004_F003, "Other", Some(RESTORE)),
    (0xC004_F004, "Edition", None),
    (0xC004_F009, "Other", Some(RESTORE)),
    (0xC004_F00F, "Hardware", None),
    (0xC004_F010, "Key", None),
    (0xC004_F011, "Other", Some(DAMAGED)),
    (0xC004_F012, "Other", Some(DAMAGED)),
    (0xC004_F013, "Other", Some(RESTORE)),
    (0xC004_F014, "Key", Some(RESTORE)),
    (0xC004_F015, "Edition", None),
    (0xC004_F016, "Other", None),
    (0xC004_F017, "Edition", None),
    (0xC004_F01D, "Other", Some(DAMAGED)),
    (0xC004_F021, "Other", Some(RESTORE)),
    (0xC004_F022, "Other", None),
    (0xC004_F025, "Rights", None),
    (0xC004_F027, "Other", Some(DAMAGED)),
    (0xC004_F02C, "Other", Some(RETYPE)),
    (
        0xC004_F031,
        "Other",
        Some("Ask for a confirmation ID with the installation ID that is shown now; an older one is void."),
    ),
    (0xC004_F033, "Organization", None),
    (
        0xC004_F035,
        "Organization",
        Some("A volume product key needs a PC that was sold with Windows. Use the PC's own or a retail one."),
    ),
    (0xC004_F038, "Organization", None),
    (0xC004_F039, "Organization", None),
    (0xC004_F041, "Organization", None),
    (0xC004_F042, "Organization", None),
    (0xC004_F04D, "Other", Some(RETYPE)),
    (
        0xC004_F050,
        "Key",
        Some(
            "Compare it with the sticker or the receipt, character by character. If it is right, it is for another \
             edition: `keystow fit` names it.",
        ),
    ),
    (0xC004_F051, "Blocked", None),
    (0xC004_F055, "Edition", None),
    (0xC004_F056, "Organization", None),
    (0xC004_F057, "Hardware", Some(FACTORY)),
    (0xC004_F058, "Hardware", Some(FACTORY)),
    (0xC004_F059, "Hardware", Some(FACTORY)),
    (
        0xC004_F061,
        "Edition",
        Some("Install the earlier Windows that it upgrades and activate it, then upgrade; or use a full product key."),
    ),
    (0xC004_F063, "Hardware", Some(FACTORY)),
    (0xC004_F064, "Blocked", Some(SUPPORT)),
    (0xC004_F065, "Blocked", Some(SUPPORT)),
    (0xC004_F066, "Edition", None),
    (0xC004_F069, "Edition", None),
    (0xC004_F06A, "Other", None),
    (0xC004_F06B, "Organization", None),
    (
        0xC004_F06C,
        "Organization",
        Some("Set date, time and time zone of this PC right, and run the same command again."),
    ),
    (0xC004_F074, "Organization", None),
    (0xC004_F075, "Busy", None),
    (0xC004_F07C, "Hardware", Some(FACTORY)),
    (0xC004_F07D, "Key", None),
    (0xC004_F081, "Organization", None),
    (0xC004_F200, "Blocked", Some(SUPPORT)),
    (
        0xC004_F210,
        "Edition",
        Some("Install the edition that your digital license is for, or enter a product key for the one installed."),
    ),
    (0xC004_F211, "Hardware", None),
    (
        0xC004_F212,
        "Edition",
        Some("Install the edition that the firmware product key is for: `keystow explain` names it."),
    ),
    (0xC004_F213, "Key", Some("`keystow scan` looks for one; what was backed up comes back with `keystow restore`.")),
    (0xC004_F214, "Key", Some("Enter a product key of the Windows that is installed: `keystow restore`.")),
    (0xC004_F215, "Other", Some(NOTHING)),
    (0xC004_FC07, "Other", Some(RESTORE)),
    (0xC004_FD01, "Organization", None),
    (0xC004_FD02, "Organization", None),
];

/// Makes the table from the sheet.
///
/// # Errors
///
/// A sentence naming the sheet or the code: a row without advice, advice without a row.
pub(super) fn table(folder: &Path) -> Result<String, String> {
    let mut rows: Vec<(u32, Row)> = sheet(&folder.join("sl_errors.csv"))?
        .into_iter()
        .map(|row| Ok((code(&row)?, row)))
        .collect::<Result<_, String>>()?;
    rows.sort_by_key(|(code, _)| *code);
    let codes: Vec<u32> = rows.iter().map(|(code, _)| *code).collect();
    if !codes.iter().copied().eq(ADVICE.iter().map(|(code, _, _)| *code)) {
        let odd = codes.iter().zip(ADVICE).find(|(code, (known, _, _))| *code != known);
        return Err(format!("sl_errors.csv and its advice differ, first at {odd:x?}"));
    }
    let mut text = format!(
        "// @generated by `cargo xtask tables`; edit the maker, not this file.\n\n//! What the license service answers, \
         sorted by code.\n\nuse super::{{Answer, Class}};\n\npub(super) static ANSWERS: [Answer; {}] = [\n",
        rows.len()
    );
    for ((code, row), (_, class, next)) in rows.iter().zip(ADVICE) {
        let next = next.map_or(format!("Class::{class}.next()"), |next| format!("{next:?}"));
        let (high, low) = (code >> 16, code & 0xFFFF);
        let (symbol, says) = (symbol(*code, row), plain(row.text("plain_meaning")));
        let _ = writeln!(
            text,
            "Answer {{ code: 0x{high:04X}_{low:04X}, symbol: {symbol:?}, says: {says:?}, next: {next}, class: Class::{class} }},"
        );
    }
    Ok(text + "];\n")
}

fn code(row: &Row) -> Result<u32, String> {
    let text = row.text("code");
    text.strip_prefix("0x")
        .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        .ok_or(format!("sl_errors.csv: {text:?} is no code"))
}

fn symbol(code: u32, row: &Row) -> String {
    let known = SYMBOLS.iter().find(|(known, _)| *known == code).map(|(_, symbol)| *symbol);
    known.unwrap_or(row.text("symbol")).to_owned()
}

/// The meaning in the project's words: American spelling, and never a bare "key".
fn plain(meaning: &str) -> String {
    let spelled = SPELLINGS.iter().fold(meaning.to_owned(), |text, (from, to)| text.replace(from, to));
    let mut words: Vec<&str> = Vec::new();
    for word in spelled.split(' ') {
        let bare = matches!(word.trim_matches(|c: char| !c.is_alphabetic()), "key" | "keys");
        if bare && words.last() != Some(&"product") {
            words.push("product");
        }
        words.push(word);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaning_is_put_into_the_words_of_the_project() {
        assert_eq!(
            plain("The licence and this key (a product key)."),
            "The license and this product key (a product key)."
        );
        assert_eq!(plain("No keys: keystow"), "No product keys: keystow");
    }

    #[test]
    fn the_advice_is_sorted() {
        assert!(ADVICE.is_sorted_by_key(|(code, _, _)| code));
    }
}
