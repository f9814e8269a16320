//! `keystow identify`

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;

use keystow_core::ProductKey;
use keystow_core::identify::{self, Channel, Found, Generic, Identified, Observed};

use super::args::Identify;
use super::failure::{Failure, FailureKind, Outcome};
use super::out::Out;
use crate::app::error::at;
use crate::lines::{self, Row, Shape};

pub(super) fn run(args: &Identify, out: &mut Out) -> Result<Outcome, Failure> {
    let answers = Answers::default();
    let row = |key: &ProductKey| answers.row(key);
    let shape = if out.json { Shape::Json } else { Shape::Words { mask: out.mask } };
    let tally = match &args.file {
        Some(path) => {
            let file = File::open(path).map_err(at(path))?;
            lines::identify(file, out.raw(), shape, row)?
        }
        None => lines::identify(io::stdin().lock(), out.raw(), shape, row)?,
    };
    match (tally.lines, tally.valid) {
        (0, _) => {
            out.note("There was no line to identify.  try: keystow identify FILE");
            Ok(Outcome::NothingFound)
        }
        (lines, valid) if lines == valid => Ok(Outcome::Done),
        (_, 0) => Err(Failure::new(FailureKind::Damaged, "no line is a product key that was typed correctly")
            .hint("compare it with the sticker, character by character")),
        _ => Ok(Outcome::Partly),
    }
}

/// What tells the products of the shipped tables apart.
type Answer = (Option<usize>, Option<Generic>, Option<Observed>);

/// The answers of the shipped tables, each worded once: a list of millions has a few hundred different ones.
#[derive(Default)]
struct Answers(RefCell<HashMap<Answer, Row<'static>>>);

impl Answers {
    fn row(&self, key: &ProductKey) -> Row<'static> {
        let identified = identify::identify(key);
        let config = identified.found.map(Found::config);
        let answer = (config, identified.generic, identified.observed.filter(|_| config.is_none()));
        *self.0.borrow_mut().entry(answer).or_insert_with(|| word(&identified))
    }
}

/// The words live as long as the program, since the tables that they come from do.
fn word(identified: &Identified) -> Row<'static> {
    let product = identified.product();
    let keep = |text: String| &*Box::leak(text.into_boxed_str());
    Row {
        edition: product.as_ref().and_then(|product| Some(keep(product.edition.as_ref()?.id().to_owned()))),
        channel: product.as_ref().and_then(|product| product.channel).map(Channel::as_str),
        product: product.map(|product| keep(product.name)),
        generic: identified.generic.is_some(),
    }
}
