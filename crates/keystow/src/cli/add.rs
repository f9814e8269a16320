//! `keystow add`

use keystow_core::ProductKey;
use keystow_os::process::ask_secret;
use zeroize::Zeroizing;

use super::args::Add;
use super::failure::{Failure, FailureKind, Outcome};
use super::out::Out;
use super::vault::report;
use crate::app::App;
use crate::app::items::of_typed;
use crate::app::vaults::first_line;

pub(super) fn run(args: &Add, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let key = product_key(args.from.as_deref(), app)?;
    if key.checksum_ok() == Some(false) {
        let failure =
            Failure::new(FailureKind::Damaged, "the product key was typed wrong somewhere: its checksum fails");
        return Err(failure.hint("compare it with the sticker, character by character"));
    }
    let item = of_typed(key, args.product.clone(), args.note.clone(), app.now());
    let text = format!("Added {} ({}).", item.about.product, item.about.verdict.as_deref().unwrap_or_default());
    if app.dry_run {
        out.line(format_args!("Dry run: {text}"))?;
        return Ok(Outcome::Done);
    }
    let _lock = app.begin()?;
    let done = app.put(vec![item], app.open_vault()?)?;
    let text = if done.news { text } else { "It is in the vault already.".to_owned() };
    out.line(text)?;
    report(&done, out)
}

/// A product key from a file, a prompt, or standard input: never from an argument, which shells remember.
pub(super) fn product_key(from: Option<&std::path::Path>, app: &App) -> Result<ProductKey, Failure> {
    let text = match from {
        Some(path) => first_line(path)?,
        None if app.may_ask => ask_secret("Product key: ")?,
        None => {
            let mut line = Zeroizing::new(String::with_capacity(256));
            std::io::stdin().read_line(&mut line)?;
            line
        }
    };
    ProductKey::parse(text.trim()).map_err(|error| {
        Failure::new(FailureKind::Damaged, error)
            .hint("compare it with the sticker; letters may be 2346789BCDFGHJKMNPQRTVWXY")
    })
}
