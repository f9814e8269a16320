//! `keystow fit`

use keystow_core::identify::LicenseType;
use keystow_core::identify::fit::Fit as Fitting;
use serde_json::json;

use super::args::Fit;
use super::failure::{Failure, FailureKind, Outcome};
use super::out::Out;
use super::{add, list};
use crate::app::App;
use crate::app::fit::{self, Target};

pub(super) fn run(args: &Fit, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let target = target(&args.windows)?;
    let product = match &args.item {
        Some(item) => fit::product_of_item(&list::read(app, out)?.pick(item)?.stored.item),
        None => {
            let key = add::product_key(None, app)?;
            if key.checksum_ok() == Some(false) {
                let error = "the product key was typed wrong somewhere: its checksum fails";
                return Err(Failure::new(FailureKind::Damaged, error).hint("compare it with the sticker"));
            }
            fit::product_of_key(&key)
        }
    };
    let fitting = fit::check(&product, &target);
    out.object(&object(&fitting, &target, &product.name))?;
    out.line(format_args!("{} for {}: {}", product.name, target.name, answer(&fitting)))?;
    out.line(format_args!("  rule {} of {}: {}", fitting.rule.id, fitting.rule.date, fitting.rule.says))?;
    if product.license_type() == Some(LicenseType::Oem) {
        out.line("  It came with a PC: on another mainboard it is refused, whatever the edition.")?;
    }
    Ok(if fitting.answer.fits() == Some(true) { Outcome::Done } else { Outcome::AnswerNo })
}

/// The Windows that a person means.
pub(super) fn target(wanted: &str) -> Result<Target, Failure> {
    fit::target(wanted).map_err(no_target)
}

/// There is no such Windows; the words say why.
pub(super) fn no_target(why: String) -> Failure {
    Failure::new(FailureKind::NotFound, why)
        .hint("a Windows folder, a SOFTWARE hive, or an edition such as Professional")
}

pub(super) fn object(fitting: &Fitting, target: &Target, product: &str) -> serde_json::Value {
    json!({
        "schema": "keystow.fit/1",
        "product": product,
        "windows": target.name,
        "edition": target.installed.edition.id(),
        "build": target.installed.build,
        "fits": fitting.answer.fits(),
        "answer": fitting.answer.as_str(),
        "rule": fitting.rule.id,
        "rule_date": fitting.rule.date,
        "rule_says": fitting.rule.says,
    })
}

/// The answer, as people read it.
pub(super) fn answer(fitting: &Fitting) -> &'static str {
    match fitting.answer.fits() {
        Some(true) => "it fits",
        Some(false) => "it does not fit",
        None => "no rule says",
    }
}
